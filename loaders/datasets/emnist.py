"""EMNIST's balanced split: digits and letters of 47 classes, files of the IDX format in one zip."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from loaders.datasets.archive import Archive
from loaders.datasets.dataset import Chunk, DataSet
from loaders.datasets.mnist import parsed


@dataclass(frozen=True)
class Emnist:
    """Reads the official zip; images are as it has them, and as torchvision gives them: transposed."""

    name: str
    archive: Archive

    def read(self, split: str, root: Path) -> Iterator[Chunk]:
        """The images and labels of a split."""
        with ZipFile(self.archive.checked(self.name, root)) as archive:
            images, labels = (
                parsed(gzip.decompress(archive.read(f"gzip/emnist-balanced-{split}-{file}-ubyte.gz")))
                for file in ("images-idx3", "labels-idx1")
            )
        yield images[:, None], labels.astype(np.int64)


EMNIST = DataSet(
    name="emnist",
    title="EMNIST, balanced",
    source="torchvision",
    licence="none stated",
    shape=(1, 28, 28),
    classes=47,
    train=112_800,
    test=18_800,
    checksum="md5:58c8d27c78d21e72",
    read=Emnist(
        "emnist",
        Archive(
            "EMNIST/raw/gzip.zip",
            "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
            "58c8d27c78d21e728a6bc7b3cc06412e",
        ),
    ).read,
    flips=False,
)
