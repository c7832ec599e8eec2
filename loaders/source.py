"""A split as networks see it, in chunks, so that a set of any size passes without being held."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from loaders.datasets import find
from loaders.datasets.dataset import Chunk
from loaders.errors import DataError
from loaders.order import Indices
from loaders.resize import CHUNK, Counts, Images, resize

PIECE = 1 << 25  # bytes of a chunk, at most
MOST = 8 << 30  # bytes of a split that is held in memory, or put into a cluster's data cache
Statistics = tuple[tuple[float, ...], tuple[float, ...]]  # mean and standard deviation of each channel
_KNOWN: dict[tuple[object, ...], Statistics] = {}  # of training splits that this process has read


class Source(Protocol):
    """Where a split comes from: `count` images of `shape` (C, H, W), uint8."""

    count: int
    shape: tuple[int, int, int]
    labelled: bool

    def chunks(self) -> Iterator[Chunk]:
        """The images and labels, in their order; DataError where they can't be had whole."""

    def statistics(self) -> Statistics:
        """Those of the set's training split."""


class Raw:
    """A split from its raw files in `root`, squared and resized."""

    def __init__(self, name: str, split: str, size: int, channels: int, root: Path) -> None:
        self.known, self.split, self.size, self.root = find(name), split, size, root
        self.count = self.known.count(split)
        self.shape = (channels, size, size)
        self.labelled = self.known.labelled

    def chunks(self) -> Iterator[Chunk]:
        """The images and labels; the statistics of a training split are counted on the way."""
        counts, channels, seen = Counts(self.shape[0]), self.shape[0], 0
        rows = max(1, min(CHUNK, PIECE // (channels * self.size**2)))
        counted = self.split == "train" and not self._declared()
        for images, labels in self.known.chunks(self.split, self.root):
            seen += len(images)
            self._check(seen, seen <= self.count)
            for at in range(0, len(images), rows):
                part = resize(images[at : at + rows], self.size, channels, self.known.square)
                if counted:
                    counts.add(part)
                yield part, None if labels is None else labels[at : at + rows]
        self._check(seen, seen == self.count)
        if counted:
            _KNOWN[self._key()] = counts.statistics()

    def _check(self, seen: int, fine: bool) -> None:
        if not fine:
            raise DataError(
                f"data.name={self.known.name}: {self.count} images of its {self.split} split are declared, "
                f"{seen} were read; mend the declaration or the files"
            )

    def statistics(self) -> Statistics:
        """Those that are declared at the native size, else those of the training split's images."""
        if self._declared():
            repeat = self.shape[0] // len(self.known.mean)
            return self.known.mean * repeat, self.known.std * repeat
        if self._key() not in _KNOWN:
            for _ in Raw(self.known.name, "train", self.size, self.shape[0], self.root).chunks():
                pass
        return _KNOWN[self._key()]

    def _declared(self) -> bool:
        return bool(self.known.mean) and self.size == self.known.side

    def _key(self) -> tuple[object, ...]:
        return self.known.name, self.known.checksum, self.shape, self.root


def refuse_large(name: str, split: str, size: int, channels: int, setting: str) -> None:
    """DataError for a split that is too large to be held, by its declaration: nothing is read.

    `setting` is what would have it held in memory, or put into a data cache.
    """
    if (have := find(name).size(split, channels, size)) > MOST:
        raise DataError(
            f"{setting}: the {split} split of {name} has {have / 2**30:.1f} GiB at {channels} x {size} x "
            f"{size}, and {MOST >> 30} GiB are the most for that; take loader=ffcv on one machine, without "
            "--address: it reads from disk"
        )


def held(source: Source) -> tuple[Images, Indices | None]:
    """All images and labels of a source."""
    images = np.empty((source.count, *source.shape), np.uint8)
    labels = np.empty(source.count, np.int64) if source.labelled else None
    at = 0
    for part, own in source.chunks():
        images[at : at + len(part)] = part
        if labels is not None and own is not None:
            labels[at : at + len(part)] = own
        at += len(part)
    return images, labels
