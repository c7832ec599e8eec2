"""VGGs, without norm layers of their own."""

from typing import TYPE_CHECKING

from randteach.nets.architecture import Architecture, own_first

if TYPE_CHECKING:
    from torch import nn


def _vgg(name: str, layout: str) -> Architecture:
    def build(channels: int, width: int, size: int, norm: str) -> "nn.Module":
        from randteach.nets.vgg import VGG  # torchvision takes seconds

        return VGG(channels, width, layout, norm)

    return Architecture(
        name,
        "vgg",
        build,
        lambda width, size: 8 * width * (size // 32) ** 2,
        norms=own_first("none"),
        smallest=32,
        why_smallest="halves its input five times",
    )


VGGS = (_vgg("vgg11", "A"), _vgg("vgg13", "B"), _vgg("vgg16", "D"), _vgg("vgg19", "E"))
