"""Data sets by name: where they come from, what they hold, and how they are checked."""

from pathlib import Path

from loaders.catalogue import Catalogue
from loaders.datasets.cifar import CIFAR10, CIFAR100
from loaders.datasets.dataset import Chunk, DataSet
from loaders.datasets.gaussian import GAUSSIAN
from loaders.datasets.mnist import DIGITS, FASHION
from loaders.datasets.mnist5k import MNIST5K

__all__ = ["DATASETS", "Chunk", "DataSet", "find", "load"]

DATASETS: Catalogue[DataSet] = Catalogue("data set", [FASHION, DIGITS, CIFAR10, CIFAR100, MNIST5K, GAUSSIAN])


def find(name: str, setting: str = "data.name") -> DataSet:
    """The set of that name; UserError names the nearest one where there is none."""
    return DATASETS.find(name, setting)


def load(name: str, split: str, root: Path) -> Chunk:
    """A whole split ("train" or "test") as images_NCHW and labels_N; DataError where it can't be had."""
    return find(name).split(split, root)
