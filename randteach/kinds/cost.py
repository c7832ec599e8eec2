"""What jobs that train or hold weights cost, by the shapes of their networks."""

from collections.abc import Callable
from dataclasses import dataclass

from randteach.config.schema import Head, Net

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Cost:
    """A job's networks and batch, and the bytes of weights that it stores.

    `stores` takes the parameters of encoder and head, and the number of snapshots. A job with a `batch`
    trains.
    """

    net: Net
    head: Head | None
    channels: int
    size: int
    stores: Callable[[int, int, int], int]
    batch: int = 0
