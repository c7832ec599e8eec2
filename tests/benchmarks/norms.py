"""BatchNorm's float32 statistics in channels_last: their errors, what these move, what exact ones cost."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch
from timing import interleaved, ratio
from torch import nn

from loaders import Split, open_split
from loaders.order import balanced
from randteach.config.overrides import parse
from randteach.config.presets import MINIATURE
from randteach.config.schema import Config
from randteach.environment import numerics
from randteach.jobs.build import distill_job, probe_spec, teacher_of
from randteach.jobs.resolve import resolve
from randteach.specs import DistillSpec
from randteach.stages.distill import Student
from randteach.stages.embed import drawn_encoder, embed, inputs
from randteach.stages.probe import accuracies
from randteach.stages.recorder import Recorder
from randteach.stages.teacher import Teacher

SEEDS = range(5)
CPU = torch.device("cpu")
EPOCHS, SAMPLES, TESTED = 3, 3000, 2000  # the miniature's are 10, 10,000 and 5,000
MEASURES = ("linear", "linear_std", "knn")
STUDENT_T = 2.776  # of a 95 % interval at five seeds
ROUNDS = 5


class Quiet(Recorder):
    """Keeps nothing."""


class Nchw(nn.BatchNorm2d):
    """Statistics of contiguous inputs, which torch sums in float64."""

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Normalise a batch."""
        return super().forward(x_BCHW.contiguous()).contiguous(memory_format=torch.channels_last)


class Float64(nn.BatchNorm2d):
    """Statistics and everything else in float64, rounded once."""

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Normalise a batch."""
        if not self.training and self.running_mean is not None:
            return super().forward(x_BCHW)
        x = x_BCHW.double()
        variance, average = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
        if self.running_mean is not None and self.running_var is not None:
            count = x.numel() / x.shape[1]
            unbiased = variance.detach().flatten() * (count / (count - 1))
            self.running_mean.lerp_(average.detach().flatten().float(), 0.1)
            self.running_var.lerp_(unbiased.float(), 0.1)
        x = (x - average) * (variance + self.eps).rsqrt()
        return (x * self.weight[:, None, None] + self.bias[:, None, None]).float()


KINDS = {"as it is": nn.BatchNorm2d, "NCHW": Nchw, "float64": Float64}


def with_norms(encoder: nn.Module, kind: type[nn.BatchNorm2d]) -> nn.Module:
    """The encoder with another kind of norm layers."""
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = kind
    return encoder


def errors() -> None:
    """Relative error of a batch's variance, the largest of all channels, by format and threads."""
    print("Largest relative error of a batch's variance, of inputs N(1, 1)")
    for shape in ((128, 8, 16, 16), (256, 64, 32, 32)):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 1
        exact = x.double().var((0, 2, 3))
        for name, form in (("channels_last", torch.channels_last), ("NCHW", torch.contiguous_format)):
            for threads in (1, 2):
                torch.set_num_threads(threads)
                norm = nn.BatchNorm2d(shape[1], momentum=1.0).train()
                norm(x.contiguous(memory_format=form))
                assert norm.running_var is not None
                worst = ((norm.running_var - exact) / exact).abs().max().item()
                print(f"  {' x '.join(map(str, shape)):18} {name:13} {threads} threads  {worst:.1e}")


def point(seed: int, **other: str) -> Config:
    """The miniature at its first alpha, shortened."""
    sizes = {"distill.epochs": str(EPOCHS), "data.train_size": str(SAMPLES)}
    sizes |= {"probe.train_size": str(SAMPLES), "probe.test_size": str(TESTED)}
    named = {"alpha": "1e-10", "seed": str(seed), **sizes, **other}
    return resolve(next(parse({**MINIATURE, **named}, []).points()))


def samples(split: str) -> Split:
    """A split in memory."""
    place = Path()
    return open_split("fashion_mnist", split, size=16, channels=1, loader="memory", root=place, cache=place)


def chosen(split: Split, count: int) -> np.ndarray:
    """Which samples of a split are used."""
    assert split.labels is not None
    return balanced(split.labels, count)


def begun(config: Config, kind: type[nn.BatchNorm2d]) -> Student:
    """A student of that kind of norm layers at its start."""
    spec = distill_job(config).spec
    assert isinstance(spec, DistillSpec)
    data = samples("train")
    indices = chosen(data, SAMPLES)
    student = Student(spec, Teacher(spec, data, indices, CPU, {}), data, indices, CPU)
    with_norms(student.encoder, kind)
    return student


def probed(config: Config, encoder: nn.Module) -> dict[str, float]:
    """Accuracies in percent by measure."""
    splits, counts = {s: samples(s) for s in ("train", "test")}, {"train": SAMPLES, "test": TESTED}
    features, labels = {}, {}
    for name, split in splits.items():
        indices = chosen(split, counts[name])
        features[name] = embed(encoder, inputs(split, indices, CPU))
        assert split.labels is not None
        labels[name] = torch.from_numpy(split.labels[indices])
    row = accuracies(probe_spec(config, teacher_of(config)), features, labels, 10, Quiet())[0]
    return {measure: float(row[measure]) for measure in MEASURES}


def student(seed: int, kind: type[nn.BatchNorm2d], **other: str) -> dict[str, float]:
    """Accuracies of a student trained with that kind of norm layers."""
    config = point(seed, **other)
    training = begun(config, kind)
    for _ in range(EPOCHS):
        training.advance(EPOCHS * len(training.reader), Quiet())
    return probed(config, training.encoder.eval())


def teacher(seed: int, kind: type[nn.BatchNorm2d]) -> dict[str, float]:
    """Accuracies of a teacher whose norm layers take each batch's statistics."""
    config = point(seed, **{"distill.teacher_norm": "batch"})
    return probed(config, with_norms(drawn_encoder(teacher_of(config), 16, CPU), kind))


def compare(role: str, arms: dict[str, Callable[[int], dict[str, float]]]) -> None:
    """Differences to the first arm in points, over seeds."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in arms}
    for seed in SEEDS:
        for name, arm in arms.items():
            found[name].append(arm(seed))
    first, *others = arms
    for measure in MEASURES:
        base = [row[measure] for row in found[first]]
        print(f"  {role} {measure:10} {first}: {mean(base):.1f} %", flush=True)
        for name in others:
            gaps = [row[measure] - own for row, own in zip(found[name], base, strict=True)]
            half = STUDENT_T * stdev(gaps) / math.sqrt(len(gaps))
            each = ", ".join(f"{gap:+.2f}" for gap in gaps)
            print(f"    {name:14} {mean(gaps):+.2f} ± {half:.2f}  ({each})", flush=True)


def steps(config: Config, kind: type[nn.BatchNorm2d]) -> Iterator[None]:
    """Training steps on one batch, without end."""
    training = begun(config, kind)
    batch = next(iter(training.reader.epoch(0)))
    while True:
        yield training.update(*training._prepare(batch, 0, 0))


def run() -> None:
    """Errors, accuracies and cost; one thread."""
    numerics.set_up(1, 0)
    errors()
    numerics.set_up(1, 0)
    print(f"Training step of the miniature with other norm layers, {ROUNDS} rounds of ten steps")
    actions = {name: steps(point(0), kind) for name, kind in KINDS.items()}
    seconds = interleaved(
        {name: partial(lambda own: [next(own) for _ in range(10)], own) for name, own in actions.items()},
        ROUNDS,
    )
    for name in list(KINDS)[1:]:
        print(f"  {name:8} takes {ratio(seconds[name], seconds['as it is'])}")
    print(
        f"Accuracies in the miniature, of {EPOCHS} epochs with {SAMPLES} samples, {len(SEEDS)} seeds;\n"
        "differences in points: mean ± 95 % interval (by seed); another order is a repeat"
    )
    arms: dict[str, Callable[[int], dict[str, float]]] = {
        n: partial(student, kind=k) for n, k in KINDS.items()
    }
    arms["another order"] = lambda seed: student(seed, nn.BatchNorm2d, **{"seeds.order": str(seed + 100)})
    compare("student", arms)
    compare("teacher (batch)", {name: partial(teacher, kind=kind) for name, kind in KINDS.items()})


if __name__ == "__main__":
    run()
