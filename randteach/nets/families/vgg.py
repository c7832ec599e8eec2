"""VGGs without norm layers."""

from typing import TYPE_CHECKING

from randteach.nets.architecture import Architecture

if TYPE_CHECKING:
    from torch import nn


def _vgg11(channels: int, width: int, size: int) -> "nn.Module":
    from randteach.nets.vgg import VGG11  # torchvision takes seconds

    return VGG11(channels, width, size)


VGG11 = Architecture(
    "vgg11",
    "vgg",
    _vgg11,
    lambda width, size: 8 * width * (size // 32) ** 2,
    norms=False,
    smallest=32,
    why_smallest="halves its input five times",
)
