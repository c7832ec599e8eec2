"""Readers of data sets of one's own: images, arrays in an .npz or in many, any set of torchvision."""

from loaders.datasets.readers.folder import ImageFolder
from loaders.datasets.readers.npz import Npz
from loaders.datasets.readers.npz_parts import NpzParts
from loaders.datasets.readers.torchvision import TorchVision

__all__ = ["ImageFolder", "Npz", "NpzParts", "TorchVision"]
