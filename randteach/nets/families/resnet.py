"""ResNets for small images."""

from typing import TYPE_CHECKING

from randteach.nets.architecture import Architecture

if TYPE_CHECKING:
    from torch import nn


def _resnet18(channels: int, width: int, size: int) -> "nn.Module":
    from randteach.nets.resnet import ResNet18  # torchvision takes seconds

    return ResNet18(channels, width)


RESNET18 = Architecture("resnet18", "resnet", _resnet18, lambda width, size: 8 * width, norms=True)
