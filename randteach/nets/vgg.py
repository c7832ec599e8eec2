"""VGG11 without norm layers: torchvision's layout A at any width, five max-pools, flattened."""

import torch
from torch import nn
from torchvision.models.vgg import cfgs

FULL_WIDTH = 64


class VGG11(nn.Module):
    """x_BCHW -> embedding_BD, D = 8 * width * (size // 32)^2; at width 64: 9,220,480 parameters."""

    def __init__(self, channels: int, width: int, size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        have = channels
        for item in cfgs["A"]:
            if item == "M":
                layers.append(nn.MaxPool2d(2, 2))
            else:
                want = int(item) * width // FULL_WIDTH
                layers += [nn.Conv2d(have, want, 3, padding=1), nn.ReLU(inplace=True)]
                have = want
        self.layers = nn.Sequential(*layers)
        self.embedding_dim = have * (size // 32) ** 2

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        embedding: torch.Tensor = self.layers(x_BCHW).flatten(1)
        return embedding
