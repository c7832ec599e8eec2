"""STL-10, and its images without labels: read straight from the official archive, in chunks."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from loaders.datasets.archive import Archive
from loaders.datasets.dataset import Chunk, DataSet

CHUNK = 1024  # images
SHAPE = (3, 96, 96)


@dataclass(frozen=True)
class Stl10:
    """Reads the official archive; `labelled`: train on its 5,000 images with labels, or on the others."""

    name: str
    archive: Archive
    labelled: bool = True

    def read(self, split: str, root: Path) -> Iterator[Chunk]:
        """The images and labels of a split; the test images are the same, with labels or without."""
        path = self.archive.checked(self.name, root)
        part = "test" if split == "test" else "train" if self.labelled else "unlabeled"
        labels = self._labels(path, part) if self.labelled else None
        at, pixels = 0, int(np.prod(SHAPE))
        with _opened(path, f"{part}_X.bin") as file:
            while content := file.read(CHUNK * pixels):
                images = np.frombuffer(content, np.uint8).reshape(-1, *SHAPE)
                images = np.ascontiguousarray(images.transpose(0, 1, 3, 2))  # they are stored by columns
                yield images, None if labels is None else labels[at : at + len(images)]
                at += len(images)

    def _labels(self, path: Path, part: str) -> np.ndarray:
        with _opened(path, f"{part}_y.bin") as file:
            return np.frombuffer(file.read(), np.uint8).astype(np.int64) - 1  # classes count from 1


@contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """A file of the archive, which is unpacked as it is read: the images without labels are 2.8 GB."""
    with tarfile.open(path, "r|gz") as archive:
        member = next(one for one in archive if one.name == f"stl10_binary/{name}")
        file = archive.extractfile(member)
        assert file is not None, f"{name} is a file"
        yield file


ARCHIVE = Archive(
    "stl10_binary.tar.gz",
    "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
    "91f7769df0f17e558f3565bffb0c7dfb",
)
STL10 = DataSet(
    name="stl10",
    title="STL-10",
    source="torchvision",
    licence="none stated",
    shape=SHAPE,
    classes=10,
    train=5_000,
    test=8_000,
    checksum="md5:91f7769df0f17e55",
    read=Stl10("stl10", ARCHIVE).read,
    flips=True,
)
STL10_UNLABELED = DataSet(
    name="stl10_unlabeled",
    title="STL-10 without labels",
    source="torchvision",
    licence="none stated",
    shape=SHAPE,
    classes=0,
    train=100_000,
    test=8_000,
    checksum="md5:91f7769df0f17e55",
    read=Stl10("stl10_unlabeled", ARCHIVE, labelled=False).read,
    flips=True,
)
