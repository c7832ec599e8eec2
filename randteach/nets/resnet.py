"""CIFAR ResNet18: torchvision's blocks behind a 3x3 stem of stride 1, no max-pool, of any width."""

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock

BLOCKS = (2, 2, 2, 2)

# Below so many input channels oneDNN's AVX2 kernel for the weights' gradient of a strided 1x1
# convolution in channels_last writes past its memory: oneDNN issue 6035, open, seen in torch 2.14.
SAFE_STRIDED_CHANNELS = 8


class ResNet18(nn.Module):
    """x_BCHW -> embedding_BD with D = 8 * width; at width 64 it has 11,168,832 parameters."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        stem = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        layers: list[nn.Module] = [stem, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        have = width
        for stage, count in enumerate(BLOCKS):
            want = width * 2**stage
            for block in range(count):
                layers.append(_block(have, want, stride=2 if stage and not block else 1))
                have = want
        self.layers = nn.Sequential(*layers)
        self.embedding_dim = have

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        embedding: torch.Tensor = self.layers(x_BCHW).mean(dim=(2, 3))
        return embedding


def _block(have: int, want: int, stride: int) -> nn.Module:
    shortcut = None
    if stride != 1 or have != want:
        conv = nn.Conv2d if have >= SAFE_STRIDED_CHANNELS else _SubsampledConv1x1
        shortcut = nn.Sequential(conv(have, want, 1, stride, bias=False), nn.BatchNorm2d(want))
    return BasicBlock(have, want, stride, shortcut)


class _SubsampledConv1x1(nn.Conv2d):
    """A strided 1x1 convolution as two steps: take the pixels that the stride leaves, then convolve."""

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        rows, columns = self.stride
        kept = x_BCHW[:, :, ::rows, ::columns].contiguous(memory_format=torch.channels_last)
        return functional.conv2d(kept, self.weight)
