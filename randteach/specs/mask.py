"""Pruning: what decides which weights stay."""

from dataclasses import dataclass
from typing import Annotated

from randteach import nets
from randteach.config.schema import Net
from randteach.specs.origins import From
from randteach.specs.reference import Reads, Snapshot, declared


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
    channels: Annotated[int, From("data.channels")]
    size: Annotated[int, From("data.size")]
    classes: int
    scope: Annotated[str, From("tickets.scope")]
    fraction: Annotated[float, From("tickets.fraction")]
    round: int
    seed: Annotated[int | None, From("seeds.train")]
    revision: int = declared()

    def __post_init__(self) -> None:
        object.__setattr__(self, "net", nets.recorded(self.net))
        object.__setattr__(self, "revision", nets.find(self.net).revision)

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return set()
