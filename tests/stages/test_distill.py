"""The student's training against a plain PyTorch loop, bit for bit, and how a trajectory ends and resumes."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F

from loaders import ffcv_available, open_split
from loaders.augment import flip_crop
from loaders.order import balanced
from loaders.streams import stream
from randteach import identity, nets
from randteach.config.overrides import parse
from randteach.errors import Stopped
from randteach.jobs.build import distill_job
from randteach.jobs.resolve import resolve
from randteach.specs import DistillSpec
from randteach.stages.distill import distill
from randteach.stages.recorder import DIVERGED, OK, UNMOVED, Result, Row, State, Tensors
from randteach.store.store import tensors

BASE = {"data.name": "mnist5k", "data.like": "mnist5k", "data.size": "16", "data.train_size": "300"}
BASE |= {"net.width": "4", "head.hidden_dims": "[32]", "head.bottleneck_dim": "16", "head.out_dim": "64"}
BASE |= {"distill.batch_size": "64", "distill.epochs": "2", "alpha": "0.3", "seed": "5"}
VGG = ("net.arch=vgg11", "data.size=32")
pytestmark = pytest.mark.usefixtures("one_thread")
needs_ffcv = pytest.mark.skipif(not ffcv_available(), reason="FFCV is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def spec_of(*pairs: str) -> DistillSpec:
    spec = distill_job(resolve(next(parse(BASE, pairs).points()))).spec
    assert isinstance(spec, DistillSpec)
    return spec


def opened(spec: DistillSpec, loader: str = "memory", folder: Path = Path("/none")) -> tuple[Any, np.ndarray]:
    about, where = spec.samples, {"loader": loader, "root": folder, "cache": folder}
    shape = {"size": about.size, "channels": about.channels}
    noise = {} if about.sigma is None else {"count": about.count, "sigma": about.sigma, "seed": about.seed}
    data = open_split(about.name, "train", **shape, **where, **noise)  # type: ignore[arg-type]
    return data, np.arange(about.count) if data.labels is None else balanced(data.labels, about.count)


def stored(named: Tensors) -> dict[str, torch.Tensor]:
    return safetensors.torch.load(tensors(named))


class Kept(dict[int | None, Result]):
    """A recorder that keeps results as a store would: as bytes, read again."""

    def row(self, row: Row) -> None:
        self.last = row

    def result(self, result: Result) -> None:
        assert result.step not in self
        weights = {name: stored(part) for name, part in result.weights.items()}
        state = None if result.state is None else stored(result.state)
        self[result.step] = Result(list(result.rows), weights, result.status, result.step, state)

    def pause(self, state: Callable[[], State] | None = None) -> None:
        pass


class Interrupted(Kept):
    """Keeps every state, and stops the stage at a step."""

    def __init__(self, stop: int) -> None:
        self.stop, self.states = stop, dict[int, State]()

    def pause(self, state: Callable[[], State] | None = None) -> None:
        assert state
        found = state()
        self.states[found.step] = State(found.step, list(found.rows), stored(found.tensors))
        if found.step == self.stop:
            raise Stopped


def run(spec: DistillSpec, *steps: int, data: Any = None, **resume: Any) -> Kept:
    kept, (split, indices) = Kept(), data or opened(spec)
    distill(spec, steps, split, indices, torch.device("cpu"), kept, **resume)
    assert list(kept) == list(steps)
    assert kept[steps[-1]].rows[-1] is kept.last  # rows are shown live as they are kept
    return kept


def equal(one: Tensors, other: Tensors) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def gap(one: torch.nn.Module, other: torch.nn.Module) -> float:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return torch.cat([(a - b).detach().double().flatten() for a, b in pairs]).norm().item()


class Plain:
    """The same experiment in plain PyTorch: networks as drawn, all else written out."""

    def __init__(self, spec: DistillSpec) -> None:
        self.spec, (self.data, self.indices) = spec, opened(spec)
        self.teacher = self.drawn("teacher", spec.teacher.seed).train(spec.teacher.norm == "batch")
        self.student, self.start = (self.drawn("student", spec.seed_student) for _ in range(2))

    def drawn(self, role: str, seed: int) -> torch.nn.Sequential:
        net, size, alpha = self.spec.teacher.net, self.spec.samples.size, self.spec.alpha
        scale = math.sqrt(alpha**2 + (1 - alpha) ** 2) if self.spec.variance_preserving else 1
        head = nets.draw_head(self.spec.head, nets.embedding_dim(net, size), role, seed)
        drawn = torch.nn.Sequential(nets.draw_encoder(net, 1, size, role, seed), head)
        if role == "student":
            for ours, theirs in zip(drawn.parameters(), self.teacher.parameters(), strict=True):
                ours.data.copy_(((1 - alpha) * theirs.double() + alpha * ours.double()) / scale)
        drawn[0].to(memory_format=torch.channels_last)
        return drawn

    def inputs(self, images: torch.Tensor) -> torch.Tensor:
        if images.dtype == torch.uint8:
            images = images.float() * (1 / (255 * self.data.std[0])) - self.data.mean[0] / self.data.std[0]
        return images.contiguous(memory_format=torch.channels_last)

    def targets(self, at: np.ndarray, x: torch.Tensor) -> torch.Tensor:
        """The teacher's outputs. Where they are a function of the sample, the stage computes features in
        one pass at batch 256. A forward pass at another batch can differ in the last bits (it does
        below 12 samples), so that pass is written out here too."""
        encoder, head = self.teacher
        if self.spec.teacher.norm == "batch" or self.spec.augment != "none":
            return head.logits(self.features(encoder, head, x), head.prototypes())
        parts = np.split(self.indices, range(256, len(self.indices), 256))
        inputs = [self.inputs(self.data.images[part]) for part in parts]
        table = torch.cat([self.features(encoder, head, own) for own in inputs])
        return table[np.searchsorted(self.indices, at)] @ head.prototypes().T

    def features(self, encoder: torch.nn.Module, head: nets.Head, x: torch.Tensor) -> torch.Tensor:
        """Encoder and hidden layers in the precision, the bottleneck and its normalisation in float32."""
        if self.spec.distill.precision == "fp32":
            return head.features(encoder(x))
        with torch.autocast("cpu", torch.bfloat16):
            hidden = head.layers[:-1](encoder(x))
        assert hidden.dtype == torch.bfloat16
        return F.normalize(head.layers[-1](hidden.float()), dim=1)

    def train(self, steps: int) -> list[tuple[int, float, float]]:
        """(samples, mean loss, summed KL) of each step, before its update."""
        config, seen = self.spec.distill, []
        betas, decay = (config.beta1, config.beta2), config.weight_decay
        optimizer = torch.optim.AdamW(self.student.parameters(), config.lr, betas, 1e-8, decay, fused=True)
        count = 4 if config.drop_last else 5
        self.student.train()
        for step in range(steps):
            epoch, number = divmod(step, count)
            order = np.random.default_rng([self.spec.seed_order, epoch]).permutation(self.indices)
            at = order[number * 64 : (number + 1) * 64]
            images = self.data.images[at]
            if self.spec.augment == "flip_crop":
                images = flip_crop(images, stream("augment", 5, epoch, number))
            x = self.inputs(images)
            with torch.no_grad():
                target = self.targets(at, x)
            encoder, head = self.student
            out = head.logits(self.features(encoder, head, x), head.prototypes())
            out, target = out / config.student_temperature, target / config.teacher_temperature
            told = target.log_softmax(1).exp() if config.loss == "ce" else target.softmax(1)
            loss = F.mse_loss(out, target) if config.loss == "mse" else F.cross_entropy(out, told)
            log_s, log_t = (y.detach().double().log_softmax(1) for y in (out, target))
            kl = F.kl_div(log_s, log_t, reduction="sum", log_target=True)
            seen.append((len(at), loss.item(), kl.item()))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return seen


OTHER = "distill.lr=3e-3 distill.beta1=0.8 distill.beta2=0.99 distill.weight_decay=0.1 head.weight_norm=true "
OTHER += "distill.student_temperature=0.5 distill.teacher_temperature=0.25 variance_preserving=false "
OTHER += "distill.drop_last=true seeds.teacher=1 seeds.student=2 seeds.order=3"
EXACT: list[tuple[str, ...]] = [(), tuple(OTHER.split()), ("distill.teacher_norm=batch",), VGG]
EXACT += [("data.augment=flip_crop",), ("data.name=gaussian", "data.sigma=0.5", "alpha=1")]
EXACT += [(*VGG, "distill.teacher_norm=batch", "alpha=0")]
BF16 = "distill.precision=bf16"
EXACT += [(BF16,), (BF16, "data.augment=flip_crop"), (BF16, *VGG)]


@pytest.mark.parametrize("pairs", EXACT, ids=" ".join)
def test_equals_a_plain_loop_bit_for_bit(pairs: tuple[str, ...]) -> None:
    spec = spec_of(*pairs)
    plain, results = Plain(spec), run(spec, 0, 7)
    assert equal(results[0].weights["encoder"], plain.start[0].state_dict())  # theta_S(alpha)
    seen, result = plain.train(7), results[7]
    assert result.status == OK and result.state is not None
    assert equal(result.weights["encoder"], plain.student[0].state_dict())
    head = {name[5:]: value for name, value in result.state.items() if name.startswith("head.")}
    assert equal(head, plain.student[1].state_dict())

    count, (first, *rows) = 4 if spec.distill.drop_last else 5, result.rows
    assert [(row["step"], row["epoch"]) for row in result.rows] == [(0, 0), (count, 1), (7, 7 / count)]
    for row, steps in zip(rows, (seen[:count], seen[count:]), strict=True):
        samples = sum(n for n, _, _ in steps)
        assert row["loss"] == pytest.approx(sum(n * loss for n, loss, _ in steps) / samples, rel=1e-6)
        assert row["kl"] == pytest.approx(sum(kl for _, _, kl in steps) / samples, rel=1e-5)
    for at, part in enumerate(("encoder", "head")):
        student, start, teacher = (net[at] for net in (plain.student, plain.start, plain.teacher))
        assert first[f"distance_start_{part}"] == 0
        assert first[f"distance_teacher_{part}"] == pytest.approx(gap(start, teacher), rel=1e-12)
        assert rows[-1][f"distance_start_{part}"] == pytest.approx(gap(student, start), rel=1e-12)
        assert rows[-1][f"distance_teacher_{part}"] == pytest.approx(gap(student, teacher), rel=1e-12)


@pytest.mark.parametrize("loss", ["mse", "ce_exact"])
def test_other_losses_follow_the_plain_loop(loss: str) -> None:
    """Their gradients round otherwise than autograd's; after one step Adam's first moment is 0.1 of it."""
    spec = spec_of(f"distill.loss={loss}", "distill.teacher_norm=batch")
    plain, result = Plain(spec), run(spec, 1)[1]
    ((samples, value, kl),) = plain.train(1)
    assert result.rows[-1]["loss"] == pytest.approx(value, rel=1e-6)
    assert result.rows[-1]["kl"] == pytest.approx(kl / samples, rel=1e-5)
    for number, parameter in enumerate(plain.student.parameters()):
        grad = parameter.grad
        assert result.state and grad is not None
        moment, largest = result.state[f"exp_avg.{number}"], 0.1 * grad.abs().max().item()
        torch.testing.assert_close(moment, 0.1 * grad, rtol=0, atol=1e-4 * largest)


@pytest.mark.parametrize("augment", ["none", "flip_crop"])
@pytest.mark.parametrize("loader", ["memory", pytest.param("ffcv", marks=needs_ffcv)])
def test_a_resumed_run_is_the_unbroken_one(loader: str, augment: str, folder: Path) -> None:
    """Stopped at the end of an epoch, in the middle of the first, and in the middle of the second."""
    spec = spec_of(f"data.augment={augment}")
    whole, data = run(spec, 10)[10], opened(spec, loader, folder)
    for stop in (5, 3, 8):
        half = run(spec, stop, data=data)[stop]
        encoder = {f"encoder.{name}": value for name, value in half.weights["encoder"].items()}
        assert half.state
        rest = run(spec, 9, 10, data=data, resume=State(stop, half.rows, encoder | dict(half.state)))[10]
        assert rest.rows == whole.rows and rest.state and whole.state
        assert equal(rest.weights["encoder"], whole.weights["encoder"])
        assert equal(rest.state, whole.state)


@pytest.mark.parametrize("loader", ["memory", pytest.param("ffcv", marks=needs_ffcv)])
@pytest.mark.parametrize("precision", ["distill.precision=fp32", BF16])
def test_a_stopped_run_goes_on_from_any_state(loader: str, precision: str, folder: Path) -> None:
    """States can be had at every step but a result's last one; from each the rest is the unbroken run's."""
    spec = spec_of("data.augment=flip_crop", precision)
    (split, indices), steps = opened(spec, loader, folder), (4, 10)
    whole, broken = run(spec, 4, 10)[10], Interrupted(9)
    with pytest.raises(Stopped):
        distill(spec, steps, split, indices, torch.device("cpu"), broken)
    assert list(broken) == [4] and list(broken.states) == list(range(10))
    assert [[row["step"] for row in broken.states[at].rows] for at in (3, 4, 5, 9)] == [
        [0], [0, 4], [0, 5], [0, 5],
    ]  # fmt: skip
    for state in broken.states.values():
        rest = run(spec, 10, data=(split, indices), resume=state)[10]
        assert rest.rows == whole.rows and rest.state and whole.state
        assert equal(rest.weights["encoder"], whole.weights["encoder"])
        assert equal(rest.state, whole.state)


def test_augmentation_is_a_stream_of_its_own() -> None:
    crop, cache = "data.augment=flip_crop", dict[str, torch.Tensor]()
    specs = [spec_of(), spec_of(crop), spec_of(crop), spec_of(crop, "seeds.augment=6")]
    none, one, again, other = (run(spec, 3, cache=cache)[3].weights["encoder"] for spec in specs)
    assert len(cache) == 1  # the first teacher's alone
    assert equal(one, again)
    assert not equal(none, one) and not equal(one, other)


@pytest.mark.parametrize("batch_size", [64, 299])
def test_a_student_that_has_no_gradient_ends_unmoved(batch_size: int) -> None:
    """Also where the last batch holds one sample, whose product other kernels compute."""
    pairs = (*VGG, "alpha=0", "distill.loss=ce_exact", f"distill.batch_size={batch_size}")
    results = run(spec_of(*pairs), 0, 3, 10)
    assert [result.status for result in results.values()] == [OK, UNMOVED, UNMOVED]
    for result in results.values():
        assert equal(result.weights["encoder"], results[0].weights["encoder"])
        assert result.rows[-1].get("kl", 0) == result.rows[-1]["distance_start_head"] == 0


@pytest.mark.parametrize(("lr", "before", "at"), [("1e30", [0, 1], 2), ("1e38", [0], 1)])
def test_a_student_that_diverges_is_a_result(lr: str, before: list[int], at: int) -> None:
    """At 1e30 the second step's loss overflows, at 1e38 the first step's weights do."""
    results = run(spec_of(f"distill.lr={lr}"), 0, 1, 3, 4, 10)
    for step, result in results.items():
        if step in before:
            assert result.status == OK and result.weights
        else:
            assert result.status == DIVERGED and not result.weights and result.state is None
            assert result.rows[-1]["diverged_at"] == at


def test_a_precision_has_a_table_of_teacher_features_of_its_own() -> None:
    """And float32 is what it was before there were others, in the record, too."""
    usual, other, cache = spec_of(), spec_of(BF16), dict[str, torch.Tensor]()
    one = run(usual, 3, cache=cache)[3]
    two, alone = run(other, 3, cache=cache)[3], run(other, 3)[3]
    assert len(cache) == 2 and equal(two.weights["encoder"], alone.weights["encoder"])
    assert not equal(one.weights["encoder"], two.weights["encoder"])
    assert {value.dtype for value in two.weights["encoder"].values()} <= {torch.float32, torch.int64}
    assert "precision" not in identity.dumps(usual) and '"precision":"bf16"' in identity.dumps(other)
