"""What is computed: the records that stages take and keys are made of."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from randteach.config import Distill, Head, Net, Train


def corrected(absent: Any, why: str, *, now: Any = None) -> Any:
    """A field that the record sets itself, in place of the `absent` value that older keys stand for.

    `why` says to people which older results it makes inapplicable. `now` is its value where that is the same
    in all records; else `__post_init__` sets it where it differs.
    """
    value = absent if now is None else now
    return field(default=value, init=False, metadata={"absent": absent, "why": why})


REESTIMATED = "re-estimated statistics of norm layers were made of each batch's float32 ones"

ONE_NOISE = "random inputs had no seed: all seeds learnt from one draw of them"


@dataclass(frozen=True)
class Samples:
    """Inputs of one data set, as the network sees them: uint8 (channels, size, size), or seeded noise."""

    name: str
    checksum: str
    channels: int
    size: int
    count: int
    holdout: int = 0
    sigma: float | None = None
    seed: int | None = field(default=None, metadata={"absent": None, "why": ONE_NOISE})


@dataclass(frozen=True)
class Draw:
    """A network drawn at random: weights are a function of (role, seed, net) alone."""

    tag: ClassVar[str] = "draw"
    role: str
    seed: int
    net: Net
    channels: int
    norm: str = "identity"
    calibrated_on: Samples | None = None
    statistics: str = corrected(
        "of batches",
        "statistics of distill.teacher_norm=calibrated were means over batches, whatever their size",
    )

    def __post_init__(self) -> None:
        if self.norm == "calibrated" and self.net.normed:
            object.__setattr__(self, "statistics", "of all samples")


@dataclass(frozen=True)
class Snapshot:
    """A network at a step of its training: a student's of kind `distill`, a supervised one's `train`."""

    tag: ClassVar[str] = "snapshot"
    key: str
    step: int
    net: Net = field(metadata={"key": False})
    channels: int = field(metadata={"key": False})
    kind: str = field(default="distill", metadata={"absent": "distill"})


@dataclass(frozen=True)
class Pixels:
    """No network: the normalised inputs themselves."""

    tag: ClassVar[str] = "pixels"


Network = Draw | Snapshot
Reference = Network | Pixels
Reads = set[tuple[Samples, str]]  # samples, and the split that they are taken from


def calibration(*references: Reference) -> Reads:
    """The samples that references need beside their weights."""
    draws = (r for r in references if isinstance(r, Draw))
    return {(draw.calibrated_on, "train") for draw in draws if draw.calibrated_on}


@dataclass(frozen=True)
class DistillSpec:
    """A trajectory: a student on its way from theta_S(alpha), without its length.

    `round` counts restarts, in which the student of one round is the teacher of the next. `target` is how
    the loss spells the teacher's probabilities.
    """

    samples: Samples
    augment: str
    teacher: Network
    head: Head
    alpha: float
    variance_preserving: bool
    distill: Distill
    seed_student: int
    seed_order: int
    seed_augment: int | None
    round: int = field(default=1, metadata={"absent": 1})
    target: str = corrected(
        "softmax", "the target of distill.loss=ce was softmax(teacher), not exp(log_softmax(teacher))"
    )

    def __post_init__(self) -> None:
        if self.distill.loss == "ce":
            object.__setattr__(self, "target", "exp(log_softmax)")

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return {(self.samples, "train")}


@dataclass(frozen=True)
class ProbeSpec:
    """A probe of one reference on one labelled set; `samples.holdout` are the validation samples."""

    reference: Reference
    samples: Samples
    test_count: int
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    neighbours: int
    seed: int

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return {(self.samples, "train"), (self.samples, "test")} | calibration(self.reference)


@dataclass(frozen=True)
class Logistic:
    """The measure `logistic`: L2 strengths that are tried, on which share, and when a fit has converged."""

    tag: ClassVar[str] = "logistic"
    strengths: tuple[float, ...] = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    val_share: float = 0.1
    tolerance: float = 1e-6
    iterations: int = 2000


Measure = Logistic
MEASURES: tuple[Measure, ...] = (Logistic(),)  # taken of each reference that is probed, a job each


@dataclass(frozen=True)
class MeasureSpec:
    """A measure of one reference on one labelled set, beside its probe and with the same samples."""

    reference: Reference
    samples: Samples
    test_count: int
    measure: Measure

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return {(self.samples, "train"), (self.samples, "test")} | calibration(self.reference)


@dataclass(frozen=True)
class TrainSpec:
    """Supervised training of a network and a linear classifier, of unmasked weights alone.

    From a training's own snapshot it goes on at that epoch of the schedule, with the classifier that it
    had there, and with the momentum where that is restored. `mask` is the key of a mask. `order` is the
    purpose that tells its orders from distillation's of the same seed.
    """

    start: Network
    samples: Samples
    test_count: int
    train: Train
    seed_classifier: int
    seed_order: int
    seed_augment: int | None
    mask: str | None
    momentum: bool
    order: int = corrected(
        0, "supervised trainings took their samples in distillation's order of the same seed", now=1
    )

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return {(self.samples, "train"), (self.samples, "test")}


@dataclass(frozen=True)
class MaskSpec:
    """Which weights stay: round(N (1 - fraction)^round) of the N that `scope` names.

    `how` chooses them: `magnitude` of those that the training `of` ended with under the mask `within`;
    `random` among all; `random_layers` with as many in each layer as the mask `within` has.
    """

    how: str
    of: Snapshot | None
    within: str | None
    net: Net
    channels: int
    size: int
    classes: int
    scope: str
    fraction: float
    round: int
    seed: int | None

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return set()


@dataclass(frozen=True)
class ConnectSpec:
    """The line between two trainings' ends, at `points` values of gamma from 0 to 1."""

    ends: tuple[Snapshot, Snapshot]
    samples: Samples
    test_count: int
    points: int
    statistics: str = corrected("float32", REESTIMATED)

    def __post_init__(self) -> None:
        if self.ends[0].net.normed:
            object.__setattr__(self, "statistics", "float64")

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return {(self.samples, "train"), (self.samples, "test")}


@dataclass(frozen=True)
class PlaneSpec:
    """Points of a row of the plane through three networks, or of the line through two.

    `row` and `columns` are places in the plane's box, from 0 to 1; without a row the points are the
    networks themselves. `probe` is the probe of each point, which takes the place of its reference.
    """

    corners: tuple[Network, ...]
    teacher: Network
    head: Head
    student_temperature: float
    teacher_temperature: float
    probe: ProbeSpec
    coordinates: str
    margin: float
    norm: str
    row: float | None
    columns: tuple[float, ...]
    statistics: str = corrected("float32", REESTIMATED)

    def __post_init__(self) -> None:
        if self.norm == "reestimated" and self.teacher.net.normed:
            object.__setattr__(self, "statistics", "float64")

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return self.probe.reads | calibration(*self.corners, self.teacher)


Spec = DistillSpec | ProbeSpec | MeasureSpec | TrainSpec | MaskSpec | ConnectSpec | PlaneSpec
