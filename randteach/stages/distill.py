"""Distillation: a student learns to match a frozen, randomly drawn teacher (paper, section 3)."""

import math
from collections.abc import Sequence, Set

import numpy as np
import torch

from loaders import Batch, Split
from loaders.augment import AUGMENTATIONS
from loaders.streams import stream
from randteach import nets
from randteach.nets.precision import autocast
from randteach.specs import DistillSpec
from randteach.stages.embed import prepare, to_device
from randteach.stages.losses import distillation_loss
from randteach.stages.recorder import OK, UNMOVED, Recorder, Result, Row, State, Tensors, part
from randteach.stages.teacher import Cache, Teacher
from randteach.stages.trajectory import Trajectory

MOMENTS = ("exp_avg", "exp_avg_sq")
PADDING = 4  # pixels of an augmentation


def distill(
    spec: DistillSpec,
    steps: Sequence[int],
    data: Split,
    indices: np.ndarray,
    device: torch.device,
    record: Recorder,
    *,
    resume: State | None = None,
    cache: Cache | None = None,
    teacher: Tensors | None = None,
    states: Set[int] = frozenset(),
) -> None:
    """Train until the last of `steps`, with a result at each of them.

    `indices` are the samples of `data` to learn from; `resume` is a state to go on from; the teacher's
    features are looked up in `cache`; `teacher` are the weights of one that is no draw. What a longer
    training goes on from comes with the last result and with those at `states`. A student whose loss or
    weights are not finite ends as `diverged`, one that has not left its start as `unmoved`.
    """
    frozen = Teacher(spec, data, indices, device, {} if cache is None else cache, teacher)
    student = Student(spec, frozen, data, indices, device)
    if resume:
        student.load(resume)
    student.follow(steps, record, states)


class Student(Trajectory):
    """A student in training: networks, optimiser, position and metric rows."""

    def __init__(
        self,
        spec: DistillSpec,
        teacher: Teacher,
        data: Split,
        indices: np.ndarray,
        device: torch.device,
    ) -> None:
        self.spec, self.teacher, self.data, self.device = spec, teacher, data, device
        net, size, config = spec.teacher.net, data.shape[-1], spec.distill
        dim = nets.embedding_dim(net, size)
        role = "student" if spec.round == 1 else f"student/{spec.round}"
        encoder = nets.draw_encoder(net, data.shape[0], size, role, spec.seed_student)
        head = nets.draw_head(spec.head, dim, role, spec.seed_student)
        nets.mix_(teacher.encoder, encoder, spec.alpha, spec.variance_preserving)
        nets.mix_(teacher.head, head, spec.alpha, spec.variance_preserving)
        self.encoder = to_device(encoder, device).train()
        self.head = to_device(head, device)
        self.start = {name: [p.detach().clone() for p in own] for name, own in self.parts()}
        self.optimizer = torch.optim.AdamW(
            [p for _, own in self.parts() for p in own],
            lr=config.lr,
            betas=(config.beta1, config.beta2),
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.reader = data.reader(
            config.batch_size, indices=indices, seed=spec.seed_order, drop_last=config.drop_last
        )
        self.augment = AUGMENTATIONS[spec.augment].apply
        self.samples = min(len(indices), len(self.reader) * config.batch_size)
        self.step = 0
        # Sums over the epoch so far: loss x samples, KL, steps whose loss is not finite.
        self.totals = torch.zeros(3, dtype=torch.float64, device=device)
        self.rows: list[Row] = [{"step": 0, "epoch": 0, **self._distances()}]

    def parts(self) -> list[tuple[str, list[torch.nn.Parameter]]]:
        """The trained parameters, encoder and head apart."""
        return [("encoder", [*self.encoder.parameters()]), ("head", [*self.head.parameters()])]

    def _prepare(self, batch: Batch, epoch: int, number: int) -> tuple[torch.Tensor, ...]:
        """Indices and normalised, augmented inputs on the device."""
        images = batch.images_BCHW
        if self.augment and self.spec.seed_augment is not None:
            generator = stream("augment", self.spec.seed_augment, epoch, number)
            images = self.augment(images, generator, PADDING)
        index_B = batch.index_B.to(self.device, non_blocking=True)
        return index_B, prepare(images, self.data, self.device)

    def update(self, *tensors: torch.Tensor) -> None:
        """One step on samples index_B with inputs x_BCHW."""
        (index_B, x_BCHW), config = tensors, self.spec.distill
        teacher_BK = self.teacher.logits(index_B, x_BCHW)
        with autocast(config.precision, self.device):
            student_BK = self.head(self.encoder(x_BCHW))
        loss, kl = distillation_loss(
            student_BK,
            teacher_BK,
            config.loss,
            config.student_temperature,
            config.teacher_temperature,
        )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        loss = loss.detach()
        self.totals += torch.stack((loss * len(x_BCHW), kl, (~loss.isfinite()).to(loss.dtype)))

    def _row(self, done: int) -> Row:
        """Means over the epoch's `done` batches; the one place where the host waits for the device."""
        loss, kl, bad = self.totals.tolist()
        seen = min(done * self.spec.distill.batch_size, self.samples)
        row: Row = {**self.place(), "loss": loss / seen, "kl": kl / seen, **self._distances()}
        if not all(map(math.isfinite, row.values())):
            row["diverged_at"] = self.step - int(bad) + 1 if bad else self.step
        return row

    def _distances(self) -> Row:
        """L2 distance from the start and from the teacher, encoder and head apart."""
        theirs = {"encoder": self.teacher.encoder, "head": self.teacher.head}
        names, values = [], []
        for name, ours in self.parts():
            names += [f"distance_start_{name}", f"distance_teacher_{name}"]
            values.append(nets.distance((p.detach() for p in ours), self.start[name]))
            values.append(nets.distance((p.detach() for p in ours), theirs[name].parameters()))
        return dict(zip(names, torch.stack(values).tolist(), strict=True))

    def result(self, whole: bool) -> Result:
        """The snapshot at this step; a whole one comes with all that a longer training needs."""
        row = self.rows[-1]
        still = not (row["distance_start_encoder"] or row["distance_start_head"])
        return Result(
            rows=list(self.rows),
            weights={"encoder": self.encoder.state_dict()},
            status=UNMOVED if still and self.step else OK,
            step=self.step,
            state=self._beside_encoder() if whole else None,
        )

    def state(self) -> State:
        """All that is needed to go on from this step."""
        encoder = {f"encoder.{name}": value for name, value in self.encoder.state_dict().items()}
        return State(self.step, list(self.rows), encoder | self._beside_encoder())

    def _beside_encoder(self) -> dict[str, torch.Tensor]:
        state = {f"head.{name}": value for name, value in self.head.state_dict().items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"{name}.{number}": moments[name] for name in MOMENTS}
        return state | {"totals": self.totals}

    def load(self, state: State) -> None:
        """Go on from an earlier state, bit for bit; memory formats stay the student's own."""
        self.step, self.rows, tensors = state.step, list(state.rows), state.tensors
        self.encoder.load_state_dict(part("encoder", tensors))
        self.head.load_state_dict(part("head", tensors))
        self.totals.copy_(tensors["totals"])
        if self.step:
            for number, parameter in enumerate(p for _, own in self.parts() for p in own):
                moments = {
                    name: torch.zeros_like(parameter).copy_(tensors[f"{name}.{number}"]) for name in MOMENTS
                }
                count = torch.tensor(float(self.step), device=self.device)
                self.optimizer.state[parameter] = {"step": count, **moments}
