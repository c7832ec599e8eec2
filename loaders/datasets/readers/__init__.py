"""Readers of data sets of one's own: a folder of images, arrays in an .npz, any set of torchvision."""

from loaders.datasets.readers.folder import ImageFolder
from loaders.datasets.readers.npz import Npz
from loaders.datasets.readers.torchvision import TorchVision

__all__ = ["ImageFolder", "Npz", "TorchVision"]
