"""ResNets for small images."""

from typing import TYPE_CHECKING

from randteach.nets.architecture import Architecture, own_first

if TYPE_CHECKING:
    from torch import nn


def _resnet(name: str, counts: tuple[int, ...], width: int = 64, bottleneck: bool = False) -> Architecture:
    def build(channels: int, width: int, size: int, norm: str) -> "nn.Module":
        from randteach.nets.resnet import ResNet  # torchvision takes seconds

        return ResNet(channels, width, counts, norm, bottleneck)

    strides = 2 ** (len(counts) - 1)
    wide = strides * (4 if bottleneck else 1)
    return Architecture(
        name,
        "resnet",
        build,
        lambda width, size: wide * width,
        norms=own_first("batch"),
        width=width,
        single=strides,
    )


RESNETS = (
    _resnet("resnet18", (2, 2, 2, 2)),
    _resnet("resnet34", (3, 4, 6, 3)),
    _resnet("resnet50", (3, 4, 6, 3), bottleneck=True),
    _resnet("resnet20", (3, 3, 3), width=16),
    _resnet("resnet56", (9, 9, 9), width=16),
)
