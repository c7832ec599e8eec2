"""Supervised training: what decides its weights."""

from dataclasses import dataclass
from typing import Annotated

from randteach.config.downstream import Train
from randteach.specs.origins import PROBED, From
from randteach.specs.reference import Network, Reads, Samples, corrected


@dataclass(frozen=True)
class TrainSpec:
    """Supervised training of a network and a linear classifier, of unmasked weights alone.

    From a training's own snapshot it goes on at that epoch of the schedule, with the classifier that it
    had there, and with the momentum where that is restored. `mask` is the key of a mask. `order` is the
    purpose that tells its orders from distillation's of the same seed.
    """

    start: Annotated[Network, From(net="net", seed="seeds.teacher")]
    samples: Annotated[Samples, From(**PROBED)]
    test_count: Annotated[int, From("probe.test_size")]
    train: Train
    seed_classifier: Annotated[int, From("seeds.train")]
    seed_order: Annotated[int, From("seeds.order")]
    seed_augment: Annotated[int | None, From("seeds.augment")]
    mask: str | None
    momentum: bool
    order: int = corrected(
        0, "supervised trainings took their samples in distillation's order of the same seed", now=1
    )

    @property
    def precision(self) -> str:
        """How precisely it computes."""
        return self.train.precision

    @property
    def augments(self) -> tuple[str, str, str]:
        """Whose images are augmented, by which setting, and how."""
        return self.samples.name, "train.augment", self.train.augment

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return {(self.samples, "train"), (self.samples, "test")}
