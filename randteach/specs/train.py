"""Supervised training: what decides its weights."""

from dataclasses import dataclass

from randteach.config.schema import Train
from randteach.specs.reference import Network, Reads, Samples, corrected


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
