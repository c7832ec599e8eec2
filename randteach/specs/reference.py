"""What specs refer to: samples of a data set, and networks by their draw or their snapshot."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from loaders.datasets import DATASETS
from randteach import nets
from randteach.config.schema import Net


def corrected(absent: Any, why: str, *, now: Any = None) -> Any:
    """A field that the record sets itself, in place of the `absent` value that older keys stand for.

    `why` says to people which older results it makes inapplicable. `now` is its value where that is the same
    in all records; else `__post_init__` sets it where it differs.
    """
    value = absent if now is None else now
    return field(default=value, init=False, metadata={"absent": absent, "why": why})


def declared() -> Any:
    """A field that the record sets to the revision of what it names; older keys stand for the first one."""
    return field(default=1, init=False, metadata={"absent": 1})


REESTIMATED = "re-estimated statistics of norm layers were made of each batch's float32 ones"

ONE_NOISE = "random inputs had no seed: all seeds learnt from one draw of them"


@dataclass(frozen=True)
class Samples:
    """Inputs of one data set, as the network sees them: uint8 (channels, size, size), or seeded noise.

    `of` are the images that random inputs are made from.
    """

    name: str
    checksum: str
    channels: int
    size: int
    count: int
    holdout: int = 0
    sigma: float | None = None
    seed: int | None = field(default=None, metadata={"absent": None, "why": ONE_NOISE})
    of: "Samples | None" = field(default=None, metadata={"absent": None})
    revision: int = declared()

    def __post_init__(self) -> None:
        if self.name in DATASETS:
            object.__setattr__(self, "revision", DATASETS[self.name].revision)


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

    revision: int = declared()

    def __post_init__(self) -> None:
        object.__setattr__(self, "net", nets.recorded(self.net))
        object.__setattr__(self, "revision", nets.find(self.net).revision)
        if self.norm == "calibrated" and nets.has_batch_norm(self.net):
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "net", nets.recorded(self.net))


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


def probed(samples: Samples, normalised_by: Samples | None) -> Reads:
    """The samples that a probe reads: its set's, and those whose statistics normalise them."""
    own = {(samples, "train"), (samples, "test")}
    return own | ({(normalised_by, "train")} if normalised_by else set())
