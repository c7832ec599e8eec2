"""Data sets by name: where they come from, what they hold, and how they are checked."""

from pathlib import Path

from loaders.catalogue import Catalogue
from loaders.datasets.cifar import CIFAR10, CIFAR100
from loaders.datasets.dataset import Chunk, DataSet
from loaders.datasets.emnist import EMNIST
from loaders.datasets.mnist import DIGITS, FASHION, KUZUSHIJI
from loaders.datasets.mnist5k import MNIST5K
from loaders.datasets.noise import NOISES
from loaders.datasets.stl10 import STL10, STL10_UNLABELED
from loaders.datasets.svhn import SVHN
from loaders.datasets.tiny_imagenet import TINY_IMAGENET

__all__ = ["DATASETS", "Chunk", "DataSet", "find", "load"]

DATASETS: Catalogue[DataSet] = Catalogue(
    "data set",
    [
        FASHION,
        DIGITS,
        KUZUSHIJI,
        EMNIST,
        SVHN,
        CIFAR10,
        CIFAR100,
        STL10,
        STL10_UNLABELED,
        TINY_IMAGENET,
        MNIST5K,
        *NOISES,
    ],
)


def find(name: str, setting: str = "data.name") -> DataSet:
    """The set of that name; UserError names the nearest one where there is none."""
    return DATASETS.find(name, setting)


def load(name: str, split: str, root: Path) -> Chunk:
    """A whole split ("train" or "test") as images_NCHW and labels_N; DataError where it can't be had."""
    return find(name).split(split, root)
