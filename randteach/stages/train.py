"""Supervised training, of tickets under their masks and of the children of a checkpoint."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from loaders import Batch, Split
from loaders.augment import AUGMENTATIONS
from loaders.streams import stream
from randteach import nets
from randteach.nets.classified import Classified
from randteach.nets.precision import autocast
from randteach.nets.pruning import Masks
from randteach.specs import Snapshot, TrainSpec
from randteach.stages.embed import prepare, to_device
from randteach.stages.evaluate import Inputs, errors
from randteach.stages.recorder import DIVERGED, Recorder, Result, Row, State, Tensors, part
from randteach.stages.trajectory import Trajectory

BUFFER = "momentum_buffer"


def begins(spec: TrainSpec) -> int:
    """The step that a training begins at: that of the training's own snapshot it goes on from, or 0."""
    goes_on = isinstance(spec.start, Snapshot) and spec.start.kind == "train"
    return spec.start.step if goes_on else 0  # type: ignore[union-attr]


def train(
    spec: TrainSpec,
    steps: Sequence[int],
    start: Tensors,
    masks: Masks | None,
    data: Split,
    indices: np.ndarray,
    test: Inputs,
    device: torch.device,
    record: Recorder,
    *,
    resume: State | None = None,
) -> None:
    """Train until the last of `steps`, with a result at each of them.

    `start` holds `encoder.`, and where it goes on from a training `classifier.`, and `momentum.` where
    that is restored; what `masks` prune is zero from the start. `indices` are the samples of `data` to
    learn from. A training whose loss is not finite ends as `diverged`.
    """
    training = Training(spec, start, masks, data, indices, test, device)
    if resume:
        training.load(resume)
    training.follow(steps, record, set(steps))


class Training(Trajectory):
    """A supervised training: network, optimiser, position and metric rows."""

    def __init__(
        self,
        spec: TrainSpec,
        start: Tensors,
        masks: Masks | None,
        data: Split,
        indices: np.ndarray,
        test: Inputs,
        device: torch.device,
    ) -> None:
        self.spec, self.data, self.test, self.device = spec, data, test, device
        self.config = config = spec.train
        net, size = spec.start.net, data.shape[-1]
        encoder = nets.build(net, data.shape[0], size)
        encoder.load_state_dict(part("encoder", start))
        classifier = nets.draw_classifier(nets.embedding_dim(net, size), test.classes, spec.seed_classifier)
        if own := part("classifier", start):
            classifier.load_state_dict(own)
        self.encoder, self.classifier = to_device(encoder, device), classifier.to(device)
        self.model = Classified(self.encoder, self.classifier)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.reader = data.reader(
            config.batch_size, indices=indices, seed=spec.seed_order, purpose=spec.order
        )
        self.augment = AUGMENTATIONS[config.augment].apply
        self.samples = len(indices)
        named = dict(self.model.named_parameters())
        self.masked: list[torch.Tensor] = [named[name] for name in masks or {}]
        self.masks = [torch.empty_like(named[n]).copy_(own) for n, own in (masks or {}).items()]
        self._prune()
        self.step = begins(spec)
        if momentum := part("momentum", start):
            self._set_momentum(momentum)
        # Sums over the epoch so far: loss x samples, wrong guesses, steps whose loss is not finite.
        self.totals = torch.zeros(3, dtype=torch.float64, device=device)
        self.rows: list[Row] = []

    def _begin(self, epoch: int) -> None:
        """The rate of this epoch."""
        fallen = sum(milestone <= epoch for milestone in self.config.milestones)
        self.optimizer.param_groups[0]["lr"] = self.config.lr * self.config.decay**fallen
        self.model.train()

    def _prepare(self, batch: Batch, epoch: int, number: int) -> tuple[torch.Tensor, ...]:
        """Normalised, augmented inputs and labels on the device."""
        images, y_B = batch.images_BCHW, batch.labels_B
        assert y_B is not None
        if self.augment and self.spec.seed_augment is not None:
            generator = stream("train/augment", self.spec.seed_augment, epoch, number)
            images = self.augment(images, generator, self.config.padding)
        return prepare(images, self.data, self.device), y_B.to(self.device, non_blocking=True)

    def update(self, *tensors: torch.Tensor) -> None:
        """One step on inputs x_BCHW with labels y_B."""
        x_BCHW, y_B = tensors
        with autocast(self.config.precision, self.device):
            logits_BC = self.model(x_BCHW)
        loss = F.cross_entropy(logits_BC, y_B)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self._prune()
        loss, wrong = loss.detach(), (logits_BC.detach().argmax(1) != y_B).sum()
        self.totals += torch.stack((loss * len(y_B), wrong.to(loss.dtype), (~loss.isfinite()).to(loss.dtype)))

    @torch.no_grad()
    def _prune(self) -> None:
        """Zero what the masks prune; momentum and weight decay have moved it."""
        if self.masked:
            torch._foreach_mul_(self.masked, self.masks)

    def _row(self, done: int) -> Row:
        """Means over the epoch's `done` batches, of training; where the host waits for the device."""
        loss, wrong, bad = self.totals.tolist()
        seen = min(done * self.config.batch_size, self.samples)
        row: Row = {**self.place(), "split": "train", "error": 100 * wrong / seen, "loss": loss / seen}
        if not math.isfinite(loss):
            row["diverged_at"] = self.step - int(bad) + 1 if bad else self.step
        return row

    def result(self, whole: bool) -> Result:
        """The snapshot at this step, with its test error; a whole one with what a training goes on with."""
        error, loss = errors(self.model.eval(), self.test)
        rows = [*self.rows, {**self.place(), "split": "test", "error": error, "loss": loss}]
        if not math.isfinite(loss):
            return Result(rows, status=DIVERGED, step=self.step, state={})
        weights = {
            "encoder": self.encoder.state_dict(),
            "classifier": self.classifier.state_dict(),
        }
        over = self.step == self.config.epochs * len(self.reader)  # the schedule's end: nothing goes on
        state = self._beside_weights() if whole and not over else None
        return Result(rows, weights, step=self.step, state=state)

    def state(self) -> State:
        """All that is needed to go on from this step."""
        return State(self.step, list(self.rows), dict(self.model.state_dict()) | self._beside_weights())

    def _beside_weights(self) -> dict[str, torch.Tensor]:
        moving = self.optimizer.state
        found = {
            f"momentum.{name}": moving[parameter][BUFFER]
            for name, parameter in self.model.named_parameters()
            if moving[parameter].get(BUFFER) is not None
        }
        return found | {"totals": self.totals}

    def load(self, state: State) -> None:
        """Go on from an earlier state, bit for bit; memory formats stay the training's own."""
        tensors = state.tensors
        self.step = state.step
        self.rows = [row for row in state.rows if row["split"] == "train"]
        self.encoder.load_state_dict(part("encoder", tensors))
        self.classifier.load_state_dict(part("classifier", tensors))
        self.totals.copy_(tensors["totals"])
        self._set_momentum(part("momentum", tensors))

    def _set_momentum(self, momentum: Tensors) -> None:
        for name, parameter in self.model.named_parameters():
            if name in momentum:
                buffer = torch.empty_like(parameter).copy_(momentum[name])
                self.optimizer.state[parameter][BUFFER] = buffer
