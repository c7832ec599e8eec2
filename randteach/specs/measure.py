"""Measures of features beside the probes: their parameters, and what decides their numbers."""

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from randteach.specs.origins import PROBED, From
from randteach.specs.reference import Reads, Reference, Samples, calibration, probed


@dataclass(frozen=True)
class Logistic:
    """The measure `logistic`: L2 strengths that are tried, on which share, and when a fit has converged."""

    tag: ClassVar[str] = "logistic"
    strengths: tuple[float, ...] = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    val_share: float = 0.1
    tolerance: float = 1e-6
    iterations: int = 2000


@dataclass(frozen=True)
class Bare:
    """A measure without parameters."""

    tag: ClassVar[str] = "measure"
    name: str


@dataclass(frozen=True)
class MeasureSpec:
    """A measure of one reference on one labelled set, beside its probe and with the same samples.

    `measure` is the record of its parameters, whose tag is the measure's name, or a `Bare`.
    """

    reference: Annotated[Reference, From(net="net", norm="distill.teacher_norm", seed="seeds.teacher")]
    samples: Annotated[Samples, From(**PROBED)]
    test_count: Annotated[int, From("probe.test_size")]
    measure: Any
    revision: int = field(default=1, metadata={"absent": 1})
    normalised_by: Annotated[Samples | None, From(name="data.name")] = field(
        default=None, metadata={"absent": None}
    )

    @property
    def name(self) -> str:
        """The measure's name."""
        return self.measure.name if isinstance(self.measure, Bare) else str(self.measure.tag)

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return probed(self.samples, self.normalised_by) | calibration(self.reference)
