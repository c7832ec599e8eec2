"""The protocol of readers: batches in an order that is a function of (seed, epoch) alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch

from loaders.errors import DataError
from loaders.order import Indices, permutation


class Batch(NamedTuple):
    """Owned by the caller: no later batch changes it. Images are uint8, random inputs float32."""

    index_B: torch.Tensor
    images_BCHW: torch.Tensor
    labels_B: torch.Tensor | None


@dataclass(frozen=True)
class Plan:
    """Which samples, in batches of what size, in which order; without a seed in the order given."""

    indices: Indices
    batch_size: int
    seed: int | None
    drop_last: bool
    purpose: int

    def __len__(self) -> int:
        full, rest = divmod(len(self.indices), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def order(self, epoch: int, start: int) -> Indices:
        """The samples of an epoch from batch `start` on."""
        order = permutation(self.indices, self.seed, epoch, self.purpose)
        return order[start * self.batch_size : len(self) * self.batch_size]


class Reader(Protocol):
    """Batches of a split, an epoch at a time."""

    def __len__(self) -> int:
        """Batches an epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch; `start` skips the first ones."""

    def close(self) -> None:
        """Stop reading."""


class Split(Protocol):
    """A data set's split as the network sees it: (channels, size, size)."""

    name: str
    split: str
    count: int
    shape: tuple[int, int, int]
    labels: Indices | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def reader(
        self,
        batch_size: int,
        *,
        indices: Indices | None = None,
        seed: int | None = None,
        drop_last: bool = False,
        purpose: int = 0,
    ) -> Reader:
        """A reader of some of the samples; `purpose` tells orders of one seed apart."""


def plan(
    count: int, batch_size: int, indices: Indices | None, seed: int | None, drop_last: bool, purpose: int
) -> Plan:
    """A checked plan; DataError for no samples, or for an index that the split does not have."""
    chosen = np.arange(count) if indices is None else np.asarray(indices, dtype=np.int64)
    if not len(chosen):
        raise DataError("a reader needs at least one sample")
    if chosen.min() < 0 or chosen.max() >= count:
        raise DataError(f"sample {chosen.min()} to {chosen.max()} asked for: there are 0 to {count - 1}")
    return Plan(chosen, batch_size, seed, drop_last, purpose)
