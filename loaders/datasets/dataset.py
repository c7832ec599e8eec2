"""What a data set declares: all that the rest of the software has to know of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loaders.errors import DataError
from loaders.order import Indices
from loaders.resize import Images

Chunk = tuple[Images, Indices]  # images_NCHW and labels_N
Read = Callable[[str, Path], Iterator[Chunk]]  # a split, "train" or "test", and the folder of raw data


@dataclass(frozen=True)
class DataSet:
    """A set's facts; `checksum` pins the official files and is part of every key.

    `read` gives a split in chunks, in its order, and raises DataError where it can't be had whole. Mean and
    standard deviation are those of the training split at its native size, per channel, of bytes / 255; at
    other sizes they are computed by the same rule (`loaders.resize.statistics`). `flips`: whether a mirrored
    image is still one of its class, and so flipping makes sense.
    """

    name: str
    title: str
    source: str
    licence: str
    shape: tuple[int, int, int]
    classes: int
    train: int
    test: int
    checksum: str
    read: Read | None  # None for random inputs, which are drawn
    flips: bool
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def noise(self) -> bool:
        """Whether its inputs are drawn at random."""
        return self.read is None

    def split(self, split: str, root: Path) -> Chunk:
        """A whole split; DataError where it can't be had."""
        if self.read is None:
            raise DataError(f"data.name={self.name}: random inputs have no files")
        images, labels = zip(*self.read(split, root), strict=True)
        return (
            (images[0], labels[0]) if len(images) == 1 else (np.concatenate(images), np.concatenate(labels))
        )


def compare(path: Path, found: str, pinned: str) -> None:
    """DataError where a file's checksum is not the official one."""
    if found != pinned:
        raise DataError(
            f"{path}: its checksum is {found[:16]}, the official file's {pinned[:16]}; "
            "delete it and have it fetched anew"
        )
