"""TinyImageNet: 200 classes of ImageNet, read straight from the official zip."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from PIL import Image

from loaders.datasets.archive import Archive
from loaders.datasets.dataset import Chunk, DataSet
from loaders.datasets.readers.pixels import pixels

CHUNK = 1024  # images
FOLDER = "tiny-imagenet-200"


@dataclass(frozen=True)
class TinyImageNet:
    """Reads the official zip; test images are the official validation set, since those have labels."""

    name: str
    archive: Archive

    def read(self, split: str, root: Path) -> Iterator[Chunk]:
        """The images and labels of a split; grey images are repeated over the three channels."""
        with ZipFile(self.archive.checked(self.name, root)) as archive:
            classes = sorted(archive.read(f"{FOLDER}/wnids.txt").decode().split())
            listed = _train(archive) if split == "train" else _validation(archive)
            for at in range(0, len(listed), CHUNK):
                part = listed[at : at + CHUNK]
                images = np.concatenate([_image(archive, file) for file, _ in part])
                yield images, np.array([classes.index(name) for _, name in part], np.int64)


def _train(archive: ZipFile) -> list[tuple[str, str]]:
    """The training images, sorted, and their classes: FOLDER/train/CLASS/images/CLASS_0.JPEG."""
    names = sorted(name for name in archive.namelist() if name.startswith(f"{FOLDER}/train/"))
    return [(name, name.split("/")[2]) for name in names if name.endswith(".JPEG")]


def _validation(archive: ZipFile) -> list[tuple[str, str]]:
    """The validation images as they are listed, and their classes: a file, its class and a box, by tabs."""
    lines = archive.read(f"{FOLDER}/val/val_annotations.txt").decode().splitlines()
    rows = [line.split("\t") for line in lines]
    return [(f"{FOLDER}/val/images/{file}", name) for file, name, *_ in rows]


def _image(archive: ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as file, Image.open(file) as image:
        return pixels(image, 3)


TINY_IMAGENET = DataSet(
    name="tiny_imagenet",
    title="TinyImageNet",
    source="cs231n.stanford.edu",
    licence="ImageNet's terms",
    shape=(3, 64, 64),
    classes=200,
    train=100_000,
    test=10_000,
    checksum="md5:90528d7ca1a48142",
    read=TinyImageNet(
        "tiny_imagenet",
        Archive(
            f"{FOLDER}.zip",
            f"http://cs231n.stanford.edu/{FOLDER}.zip",
            "90528d7ca1a48142e341f4ef8d21d0de",
        ),
    ).read,
    flips=True,
)
