"""Parts of one large set in a folder, as CIFAR-5M comes: FOLDER/part0.npz, FOLDER/part1.npz and so on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loaders.datasets.dataset import Chunk
from loaders.datasets.readers.npz import opened, pairs
from loaders.errors import DataError

SHAPE, CLASSES = (32, 32, 3), 10


@dataclass(frozen=True)
class NpzParts:
    """Reads uint8 images X (N, 32, 32, 3) and labels Y (N), from 0 to 9, part by part: all of them train.

    `path` is absolute, or relative to `data.root`; `pinned` has the SHA-256 of each part, in their order.
    Parts are read piece by piece, and nothing in them is unpickled. DataError names a part that is missing,
    or that holds something else.
    """

    path: str
    pinned: Mapping[str, str]

    def __call__(self, split: str, root: Path) -> Iterator[Chunk]:
        """The images and labels, in the parts' order; there are none to test on."""
        if split == "train":
            for path in self.files(root).values():
                yield from _part(path)

    def files(self, root: Path) -> Mapping[str, Path]:
        """All parts."""
        found = {name: root / self.path / name for name in self.pinned}
        for path in found.values():
            if not path.is_file():
                raise DataError(f"{path}: is missing; put it there, or name its folder with data.root")
        return found


def _part(path: Path) -> Iterator[Chunk]:
    with opened(path) as archive:
        if missing := {"X.npy", "Y.npy"} - set(archive.namelist()):
            raise DataError(f"{path}: has no array {min(missing)[0]}; there have to be X and Y")
        for images, labels in pairs(archive, "X.npy", "Y.npy", path):
            if images.dtype != np.uint8 or images.shape[1:] != SHAPE:
                found = f"{images.dtype} {images.shape[1:]}"
                raise DataError(f"{path}: its images are {found}; there have to be uint8 {SHAPE}")
            assert labels is not None
            if labels.min() < 0 or labels.max() >= CLASSES:
                found = f"from {labels.min()} to {labels.max()}"
                raise DataError(f"{path}: its labels are {found}; there have to be 0 to {CLASSES - 1}")
            yield np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels
