"""Lines between two trainings: what decides their barriers."""

from dataclasses import dataclass

from randteach.specs.reference import REESTIMATED, Reads, Samples, Snapshot, corrected


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
