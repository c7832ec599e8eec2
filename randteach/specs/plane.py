"""Planes through networks: what decides the losses at their points."""

from dataclasses import dataclass, field
from typing import Annotated

from randteach import nets
from randteach.config.schema import Head
from randteach.specs.origins import PROBED, From
from randteach.specs.probe import ProbeSpec
from randteach.specs.reference import REESTIMATED, Network, Reads, calibration, corrected


@dataclass(frozen=True)
class PlaneSpec:
    """Points of a row of the plane through three networks, or of the line through two.

    `row` and `columns` are places in the plane's box, from 0 to 1; without a row the points are the
    networks themselves. `probe` is the probe of each point, which takes the place of its reference.
    Where embeddings are `compared`, not outputs, the plane is of encoders, and the head decides nothing.
    """

    corners: tuple[Network, ...]
    teacher: Annotated[Network, From(net="net", seed="seeds.teacher")]
    head: Head
    student_temperature: float
    teacher_temperature: float
    probe: Annotated[
        ProbeSpec,
        From(
            **{f"samples.{name}": setting for name, setting in PROBED.items()}
            | {"samples.count": "plane.train_size", "test_count": "plane.test_size", "seed": "seeds.probe"}
        ),
    ]
    coordinates: Annotated[str, From("plane.coordinates")]
    margin: Annotated[float, From("plane.margin")]
    norm: Annotated[str, From("plane.norm")]
    row: float | None
    columns: tuple[float, ...]
    compared: Annotated[str, From("plane.of")] = field(default="outputs", metadata={"absent": "outputs"})
    around: Annotated[str, From("plane.around")] = field(default="networks", metadata={"absent": "networks"})
    statistics: str = corrected("float32", REESTIMATED)

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", nets.bottleneck.recorded(self.head))
        if self.norm == "reestimated" and nets.has_batch_norm(self.teacher.net):
            object.__setattr__(self, "statistics", "float64")

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return self.probe.reads | calibration(*self.corners, self.teacher)
