"""Distillation: what decides a student."""

from dataclasses import dataclass, field

from randteach.config.schema import Distill, Head
from randteach.specs.reference import Network, Reads, Samples, corrected


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
