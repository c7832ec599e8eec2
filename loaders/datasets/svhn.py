"""SVHN: house numbers, cropped to a digit, in MATLAB's format."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loaders.datasets.archive import Archive
from loaders.datasets.dataset import Chunk, DataSet

CHUNK = 4096  # images
URL = "http://ufldl.stanford.edu/housenumbers/"


@dataclass(frozen=True)
class Svhn:
    """Reads the official files of the two splits; the 531,131 extra images are left out."""

    name: str
    train: Archive
    test: Archive

    def read(self, split: str, root: Path) -> Iterator[Chunk]:
        """The images and labels of a split."""
        from scipy.io import loadmat

        found = loadmat((self.train if split == "train" else self.test).checked(self.name, root))
        images_HWCN, labels_N = found["X"], found["y"].ravel().astype(np.int64)
        for at in range(0, len(labels_N), CHUNK):
            part = images_HWCN[..., at : at + CHUNK].transpose(3, 2, 0, 1)
            yield np.ascontiguousarray(part), labels_N[at : at + CHUNK] % 10  # the digit 0 has the label 10


SVHN = DataSet(
    name="svhn",
    title="SVHN",
    source="torchvision",
    licence="non-commercial use",
    shape=(3, 32, 32),
    classes=10,
    train=73_257,
    test=26_032,
    checksum="md5:e26dedcc434d2e4c",
    read=Svhn(
        "svhn",
        Archive("train_32x32.mat", f"{URL}train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
        Archive("test_32x32.mat", f"{URL}test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
    ).read,
    flips=False,
)
