"""CIFAR-10 and CIFAR-100, by torchvision."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loaders.datasets.archive import FAILURES
from loaders.datasets.dataset import Chunk, DataSet
from loaders.errors import DataError


@dataclass(frozen=True)
class _Cifar:
    """A set by torchvision's class, which checks the parts of the official archive by their MD5."""

    name: str
    kind: str

    def read(self, split: str, root: Path) -> Iterator[Chunk]:
        """The images and labels of a split."""
        from torchvision import datasets

        kind = getattr(datasets, self.kind)
        try:
            found = kind(str(root), train=split == "train", download=True)
        except FAILURES as error:
            raise DataError(
                f"data.name={self.name}: {root / kind.base_folder} is missing or corrupt, and the set "
                f"can't be downloaded ({error}); put {kind.filename} into {root}, or "
                "name its folder with data.root"
            ) from None
        images = np.ascontiguousarray(found.data.transpose(0, 3, 1, 2))
        yield images, np.asarray(found.targets, dtype=np.int64)


CIFAR10 = DataSet(
    name="cifar10",
    title="CIFAR-10",
    source="torchvision",
    licence="none stated",
    shape=(3, 32, 32),
    classes=10,
    train=50_000,
    test=10_000,
    checksum="md5:c58f30108f718f92",
    read=_Cifar("cifar10", "CIFAR10").read,
    flips=True,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.247, 0.2435, 0.2616),
)
CIFAR100 = DataSet(
    name="cifar100",
    title="CIFAR-100",
    source="torchvision",
    licence="none stated",
    shape=(3, 32, 32),
    classes=100,
    train=50_000,
    test=10_000,
    checksum="md5:eb9058c3a382ffc7",
    read=_Cifar("cifar100", "CIFAR100").read,
    flips=True,
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
)
