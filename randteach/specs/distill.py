"""Distillation: what decides a student."""

from dataclasses import dataclass, field
from typing import Annotated

from randteach import nets
from randteach.config.schema import Distill, Head
from randteach.specs.origins import From
from randteach.specs.reference import Network, Reads, Samples, corrected


@dataclass(frozen=True)
class DistillSpec:
    """A trajectory of a student from theta_S(alpha), without its length.

    `round` counts restarts, in which the student of one round is the teacher of the next. `target` is how
    the loss spells the teacher's probabilities.
    """

    samples: Annotated[
        Samples,
        From(
            name="data.name",
            size="data.size",
            channels="data.channels",
            count="data.train_size",
            sigma="data.sigma",
            seed="seeds.noise",
            **{"of.name": "data.like"},
        ),
    ]
    augment: Annotated[str, From("data.augment")]
    teacher: Annotated[Network, From(net="net", norm="distill.teacher_norm", seed="seeds.teacher")]
    head: Head
    alpha: float
    variance_preserving: bool
    distill: Distill
    seed_student: Annotated[int, From("seeds.student")]
    seed_order: Annotated[int, From("seeds.order")]
    seed_augment: Annotated[int | None, From("seeds.augment")]
    round: int = field(default=1, metadata={"absent": 1})
    loss_revision: int = field(default=1, metadata={"absent": 1})
    target: str = corrected(
        "softmax", "the target of distill.loss=ce was softmax(teacher), not exp(log_softmax(teacher))"
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", nets.bottleneck.recorded(self.head))
        if self.distill.loss == "ce":
            object.__setattr__(self, "target", "exp(log_softmax)")

    @property
    def precision(self) -> str:
        """How precisely it computes."""
        return self.distill.precision

    @property
    def augments(self) -> tuple[str, str, str]:
        """Whose images are augmented, by which setting, and how."""
        return self.samples.name, "data.augment", self.augment

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return {(self.samples, "train")}
