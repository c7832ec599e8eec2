"""CIFAR ResNets: torchvision's blocks behind a 3x3 stem of stride 1, no max-pool, of any width."""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, Bottleneck

from randteach.nets.norms import NORM_LAYERS

# Below so many input channels oneDNN's AVX2 kernel for the weights' gradient of a strided 1x1
# convolution in channels_last writes past its memory: oneDNN issue 6035, open, seen in torch 2.14.
SAFE_STRIDED_CHANNELS = 8

Norm = Callable[[int], nn.Module]


class ResNet(nn.Module):
    """x_BCHW -> embedding_BD, D = width * 2^(stages - 1), four times that with `bottleneck` blocks.

    `counts` are the blocks of each stage. Where a block changes the shape, its shortcut is a 1x1 convolution.
    """

    def __init__(self, channels: int, width: int, counts: Sequence[int], norm: str, bottleneck: bool) -> None:
        super().__init__()
        block, layer = Bottleneck if bottleneck else BasicBlock, NORM_LAYERS[norm]
        stem = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        layers: list[nn.Module] = [stem, layer(width), nn.ReLU(inplace=True)]
        have = width
        for stage, count in enumerate(counts):
            inner = width * 2**stage
            for number in range(count):
                layers.append(_block(block, have, inner, 2 if stage and not number else 1, layer))
                have = inner * block.expansion
        self.layers = nn.Sequential(*layers)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        embedding: torch.Tensor = self.layers(x_BCHW).mean(dim=(2, 3))
        return embedding


def _block(block: type[BasicBlock | Bottleneck], have: int, inner: int, stride: int, norm: Norm) -> nn.Module:
    want, shortcut = inner * block.expansion, None
    if stride != 1 or have != want:
        conv = nn.Conv2d if have >= SAFE_STRIDED_CHANNELS else _SubsampledConv1x1
        shortcut = nn.Sequential(conv(have, want, 1, stride, bias=False), norm(want))
    return block(have, inner, stride, shortcut, norm_layer=norm)


class _SubsampledConv1x1(nn.Conv2d):
    """A strided 1x1 convolution as two steps: take the pixels that the stride leaves, then convolve."""

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        rows, columns = self.stride
        kept = x_BCHW[:, :, ::rows, ::columns].contiguous(memory_format=torch.channels_last)
        return functional.conv2d(kept, self.weight)
