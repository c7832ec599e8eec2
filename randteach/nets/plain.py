"""The plainest networks: a multilayer perceptron, and three convolutions."""

import torch
from torch import nn

from randteach.nets.norms import NORM_LAYERS


class MLP(nn.Module):
    """x_BCHW -> embedding_BD, D = 8 * width: three hidden layers of that width with ReLU."""

    def __init__(self, channels: int, width: int, size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        have = channels * size**2
        for _ in range(3):
            layers += [nn.Linear(have, 8 * width), nn.ReLU(inplace=True)]
            have = 8 * width
        self.layers = nn.Sequential(*layers)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        embedding: torch.Tensor = self.layers(x_BCHW.flatten(1))
        return embedding


class Convnet(nn.Module):
    """x_BCHW -> embedding_BD, D = 4 * width: three 3x3 convolutions, max-pools between, a mean at the end."""

    def __init__(self, channels: int, width: int, norm: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        have = channels
        for number in range(3):
            want = width * 2**number
            layers += [nn.MaxPool2d(2, 2)] if number else []
            layers += [nn.Conv2d(have, want, 3, padding=1), NORM_LAYERS[norm](want), nn.ReLU(inplace=True)]
            have = want
        self.layers = nn.Sequential(*layers)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        embedding: torch.Tensor = self.layers(x_BCHW).mean(dim=(2, 3))
        return embedding
