"""Every setting: typed, with its default, unit, bounds and whether it is part of a result's identity."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from operator import attrgetter
from typing import Any, get_type_hints

from randteach.config.downstream import PRECISION, PRECISIONS, Connect, Plane, Tickets, Train
from randteach.config.setting import Setting, seed, setting
from randteach.errors import UserError

NORMS = ("batch", "instance", "group", "layer", "none")


@dataclass
class Seeds:
    """Seeds of the single sources of randomness; what is not set follows `seed`."""

    teacher: int | None = seed(None, "teacher's draw (null: seed)")
    student: int | None = seed(None, "fresh draw that the student is mixed with (null: seed)")
    order: int | None = seed(None, "order of the samples (null: seed)")
    augment: int | None = seed(None, "augmentation (null: seed)")
    train: int | None = seed(None, "classifiers, random masks, re-initialised weights (null: seed)")
    noise: int | None = seed(None, "random inputs (null: seed)")
    probe: int = seed(0, "the probe's initial weights and order")


@dataclass
class Net:
    """The encoder, the same for teacher and student."""

    arch: str = setting("resnet18", "encoder")
    width: int | None = setting(
        None,
        "channels of the first stage, or of a token (null: as in the paper, 64 in ResNet18 and VGGs)",
        low=1,
    )
    norm: str | None = setting(
        None,
        "norm layers (null: the network's own, batch in ResNets, none in VGGs)",
        choices=NORMS,
        absent=None,
    )


@dataclass
class Head:
    """The projection head between embedding and output, thrown away after distillation."""

    hidden_dims: list[int] = setting([2048, 2048], "hidden layers, each followed by GELU", low=1)
    bottleneck_dim: int = setting(256, "units that are L2-normalised before the last layer", low=1)
    out_dim: int = setting(65536, "outputs", low=1)
    weight_norm: bool = setting(False, "rows of the last layer normalised to 1 (as the paper writes)")
    bottleneck: str | None = setting(
        None,
        "weight norm/layer/feature norm, twice, as in -/lb/fn/-/l/- (null: that, or as weight_norm says)",
        absent=None,
    )


@dataclass
class Data:
    """The inputs that the student learns from."""

    name: str = setting("cifar10", "data set, or random inputs")
    size: int | None = setting(None, "height and width in pixels (null: as they come)", low=1)
    channels: int | None = setting(None, "colour channels; grey is repeated (null: as they come)", low=1)
    train_size: int | None = setting(None, "samples to distil on, class-balanced (null: all)", low=1)
    like: str | None = setting(None, "random inputs: the set whose shape they take, probed by default")
    sigma: float = setting(1.0, "random inputs: standard deviation", low=0.0)
    augment: str = setting("none", "augmentation in distillation")
    root: str | None = setting(None, "folder of raw data (null: OUT/data)", key=False)


@dataclass
class Distill:
    """The student's training."""

    epochs: int | None = setting(None, "passes over the samples", low=0, key=False)
    steps: int | None = setting(None, "optimiser steps, instead of epochs", low=0, key=False)
    batch_size: int = setting(256, "samples a step", low=1)
    drop_last: bool = setting(False, "leave out an epoch's last partial batch")
    lr: float = setting(1e-3, "AdamW: learning rate, constant", low=0.0)
    beta1: float = setting(0.9, "AdamW: decay of the first moment", low=0.0, below=1.0)
    beta2: float = setting(0.999, "AdamW: decay of the second moment", low=0.0, below=1.0)
    weight_decay: float = setting(0.0, "AdamW: weight decay, on every parameter", low=0.0)
    loss: str = setting("ce", "loss on the outputs")
    teacher_temperature: float = setting(1.0, "the teacher's outputs are divided by it", low=1e-6)
    student_temperature: float = setting(1.0, "the student's outputs are divided by it", low=1e-6)
    teacher_norm: str = setting(
        "identity",
        "the teacher's BatchNorm: mean 0 and variance 1, statistics of all samples, or the batch's",
        choices=("identity", "calibrated", "batch"),
    )
    precision: str = setting("fp32", PRECISION, choices=PRECISIONS, absent="fp32")


@dataclass
class Probe:
    """How features are judged: linear, linear on standardised features, nearest neighbours."""

    data: str | None = setting(None, "labelled set (null: the distilled one, or data.like)")
    normalise: str = setting(
        "own",
        "whose mean and standard deviation normalise the probed images: their set's (the paper), or the "
        "distilled set's (as run); random inputs have none",
        choices=("own", "distilled"),
    )
    at: list[int] = setting(
        [0], "epochs of the student that are probed, its last one always", low=0, key=False
    )
    train_size: int | None = setting(None, "training samples, class-balanced (null: all)", low=1)
    test_size: int | None = setting(None, "test samples, class-balanced (null: all)", low=1)
    val_fraction: float = setting(
        0.0, "share of the training samples held out to select on", low=0.0, high=0.5
    )
    epochs: int = setting(10, "linear probe: epochs", low=0)
    batch_size: int = setting(256, "linear probe: batch", low=1)
    lr: float = setting(1e-3, "linear probe: AdamW's learning rate", low=0.0)
    weight_decay: float = setting(0.01, "linear probe: AdamW's weight decay", low=0.0)
    neighbours: int = setting(20, "kNN probe: k", low=1)


@dataclass
class Slot:
    """What one job of a stage is given."""

    cpus: int = setting(1, "CPU cores, and the number of threads", low=1, key=False)
    gpus: float = setting(0.0, "GPUs, fractions allowed", low=0.0, key=False)


@dataclass
class Resources:
    """Resources by stage."""

    distill: Slot = field(default_factory=Slot)
    probe: Slot = field(default_factory=Slot)
    train: Slot = field(default_factory=Slot)
    connect: Slot = field(default_factory=Slot)
    plane: Slot = field(default_factory=Slot)


@dataclass
class Config:
    """One point of a study."""

    alpha: float = setting(0.0, "the student's start: 0 at the teacher, 1 at a fresh draw", low=0.0, high=1)
    variance_preserving: bool = setting(True, "the mixed start is rescaled to keep the weights' variance")
    seed: int = seed(0, "gives seeds.teacher, .student, .order, .augment, .train and .noise their value")
    seeds: Seeds = field(default_factory=Seeds)
    net: Net = field(default_factory=Net)
    head: Head = field(default_factory=Head)
    data: Data = field(default_factory=Data)
    distill: Distill = field(default_factory=Distill)
    probe: Probe = field(default_factory=Probe)
    downstream: list[str] = setting(["probe"], "jobs below each student", key=False)
    rounds: int = setting(1, "of pruning, or of restarts", low=1, key=False)
    train: Train = field(default_factory=Train)
    tickets: Tickets = field(default_factory=Tickets)
    connect: Connect = field(default_factory=Connect)
    plane: Plane = field(default_factory=Plane)
    loader: str = setting(
        "auto",
        "image reader: FFCV where it is installed (auto), memory, or memory of the job's device",
        choices=("auto", "ffcv", "memory", "device"),
        key=False,
    )
    checkpoint_every: float = setting(
        300.0, "seconds of training between states that it can go on from (0: none)", low=0.0, key=False
    )
    resources: Resources = field(default_factory=Resources)


@cache
def settings() -> Mapping[str, Setting]:
    """All settings by dotted name, in the order in which the records declare them."""
    return _settings(Config, "")


def _settings(record: Any, prefix: str) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    hints, default = get_type_hints(record), record()
    for item in fields(record):
        name, hint = prefix + item.name, hints[item.name]
        if is_dataclass(hint):
            found |= _settings(hint, name + ".")
        else:
            spelled = hint.__name__ if isinstance(hint, type) and hint is not list else str(hint)
            spelled = spelled.replace("None", "null")
            found[name] = Setting(name, spelled, getattr(default, item.name), **item.metadata)
    return found


def get(config: Config, name: str) -> Any:
    """The value of a dotted setting."""
    return _getter(name)(config)


_getter = cache(attrgetter)


def check(config: Config) -> None:
    """Raise UserError where a value lies outside what its setting allows."""
    for item in settings().values():
        value = get(config, item.name)
        for one in value if isinstance(value, list) else (value,):
            if one is not None:
                item.check(one)
    if (config.distill.epochs is None) == (config.distill.steps is None):
        raise UserError(
            f"distill.epochs={config.distill.epochs} and distill.steps={config.distill.steps}: "
            "set one of the two, e.g. distill.epochs=10"
        )
