"""The declaration of a data set: all that the rest of the software needs to know about it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from loaders.errors import DataError
from loaders.noise import Noise
from loaders.order import Indices
from loaders.resize import SQUARES, Images

Chunk = tuple[Images, Indices | None]  # images_NCHW and labels_N, or no labels
Read = Callable[[str, Path], Iterator[Chunk]]  # a split, "train" or "test", and the folder of raw data


@runtime_checkable
class Files(Protocol):
    """A reader that says which files it reads, so that their checksum can be taken."""

    def files(self, root: Path) -> Mapping[str, Path]:
        """All files by their names; DataError where they are not there."""


@runtime_checkable
class Pinned(Files, Protocol):
    """A reader whose files are pinned one by one, so that a damaged one can be named."""

    @property
    def pinned(self) -> Mapping[str, str]:
        """The SHA-256 of each file by its name."""


@dataclass(frozen=True)
class DataSet:
    """A set's facts; `checksum` pins the official files and is part of every key.

    `read` gives a split in chunks, in its order, and raises DataError where it can't be had whole. Mean and
    standard deviation are those of the training split at its native size, per channel, of bytes / 255; at
    other sizes they are computed by the same rule (`loaders.resize.statistics`). `flips`: whether a mirrored
    image is still one of its class, and so flipping makes sense. A set with 0 classes has no labels. `square`
    says how images that are not square become so. `revision` is raised where the same files are read in
    another way: it is part of every key.
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
    read: Read | None  # None for random inputs
    flips: bool
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    square: str = ""
    revision: int = 1
    noise: Noise | None = None  # how random inputs are made

    @property
    def wrong(self) -> str:
        """Say why the declaration can't be right; empty if it can."""
        if (self.read is None) != (self.noise is not None):
            return "read=, noise=: takes one of them"
        if not self.noise and min(self.shape) < 1:
            return f"shape={self.shape}: takes channels, height and width"
        if self.shape[1] != self.shape[2] and self.square not in SQUARES:
            return f"shape={self.shape} is not square: declare square= one of {', '.join(SQUARES)}"
        if self.square not in ("", *SQUARES):
            return f"square={self.square}: allowed are {', '.join(SQUARES)}"
        if len(self.mean) != len(self.std) or len(self.mean) not in (0, self.shape[0]):
            return f"mean={self.mean}, std={self.std}: take a number a channel"
        return f"revision={self.revision}: takes a whole number from 1" if self.revision < 1 else ""

    @property
    def labelled(self) -> bool:
        """Whether its images have labels."""
        return self.classes > 0

    @property
    def side(self) -> int:
        """Height and width of its images once they are square."""
        return (max if self.square == "pad" else min)(self.shape[1:])

    def count(self, split: str) -> int:
        """Images of a split."""
        return self.train if split == "train" else self.test

    def size(self, split: str, channels: int, size: int) -> int:
        """Bytes of a split as networks see it, in so many channels of size x size pixels."""
        return self.count(split) * channels * size**2

    def chunks(self, split: str, root: Path) -> Iterator[Chunk]:
        """Read a split in chunks; DataError if they differ from the declaration."""
        if self.read is None:
            raise DataError(f"data.name={self.name}: random inputs have no files")
        for images, labels in self.read(split, root):
            if wrong := self._why_not(images, labels):
                raise DataError(
                    f"data.name={self.name}: its reader gives {wrong} ({split}); mend the declaration"
                )
            yield images, labels

    def _why_not(self, images: Images, labels: Indices | None) -> str:
        """Say what differs from the declaration; empty if nothing does."""
        if images.dtype != np.uint8 or images.shape[1:] != self.shape:
            return f"images that are {images.dtype} {images.shape[1:]}, not uint8 {self.shape}"
        if labels is None:
            return f"no labels, and classes={self.classes}" if self.labelled else ""
        if not self.labelled:
            return "labels, and classes=0"
        if labels.shape != images.shape[:1]:
            return f"{len(images)} images and {labels.shape} labels"
        if len(labels) and (labels.min() < 0 or labels.max() >= self.classes):
            return f"labels from {labels.min()} to {labels.max()}, and classes={self.classes}"
        return ""

    def split(self, split: str, root: Path) -> Chunk:
        """A whole split; DataError where it can't be had."""
        images, labels = zip(*self.chunks(split, root), strict=True)
        return np.concatenate(images), np.concatenate(labels) if self.labelled else None


def compare(path: Path, found: str, pinned: str) -> None:
    """DataError where a file's checksum is not the official one."""
    if found != pinned:
        raise DataError(
            f"{path}: its checksum is {found[:16]}, the official file's {pinned[:16]}; "
            "delete it and have it fetched anew"
        )
