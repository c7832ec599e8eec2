"""The plainest networks."""

from typing import TYPE_CHECKING

from randteach.nets.architecture import Architecture, own_first

if TYPE_CHECKING:
    from torch import nn


def _mlp(channels: int, width: int, size: int) -> "nn.Module":
    from randteach.nets.plain import MLP

    return MLP(channels, width, size)


def _convnet(channels: int, width: int, size: int, norm: str) -> "nn.Module":
    from randteach.nets.plain import Convnet

    return Convnet(channels, width, norm)


MLP = Architecture("mlp", "plain", _mlp, lambda width, size: 8 * width, norms=("none",))
CONVNET = Architecture(
    "convnet",
    "plain",
    _convnet,
    lambda width, size: 4 * width,
    norms=own_first("none"),
    smallest=4,
    why_smallest="halves its input twice",
    single=7,
)
