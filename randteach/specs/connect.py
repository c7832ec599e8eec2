"""Lines between two trainings: what decides their barriers."""

from dataclasses import dataclass
from typing import Annotated

from randteach.nets import has_batch_norm
from randteach.specs.origins import PROBED, From
from randteach.specs.reference import REESTIMATED, Reads, Samples, Snapshot, corrected


@dataclass(frozen=True)
class ConnectSpec:
    """The line between two trainings' ends, at `points` values of gamma from 0 to 1."""

    ends: tuple[Snapshot, Snapshot]
    samples: Annotated[Samples, From(**PROBED | {"count": "connect.train_size"})]
    test_count: Annotated[int, From("connect.test_size")]
    points: Annotated[int, From("connect.points")]
    statistics: str = corrected("float32", REESTIMATED)

    def __post_init__(self) -> None:
        if has_batch_norm(self.ends[0].net):
            object.__setattr__(self, "statistics", "float64")

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return {(self.samples, "train"), (self.samples, "test")}
