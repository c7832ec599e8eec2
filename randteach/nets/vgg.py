"""VGGs: torchvision's layouts at any width, five max-pools, flattened."""

import torch
from torch import nn
from torchvision.models.vgg import cfgs

from randteach.nets.norms import NORM_LAYERS

FULL_WIDTH = 64


class VGG(nn.Module):
    """x_BCHW -> embedding_BD, D = 8 * width * (size // 32)^2; `layout` is one of A, B, D, E."""

    def __init__(self, channels: int, width: int, layout: str, norm: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        have = channels
        for item in cfgs[layout]:
            if item == "M":
                layers.append(nn.MaxPool2d(2, 2))
            else:
                want = int(item) * width // FULL_WIDTH
                layers.append(nn.Conv2d(have, want, 3, padding=1))
                # Without norm layers a VGG has torchvision's modules, and so its weights have their names.
                layers += [] if norm == "none" else [NORM_LAYERS[norm](want)]
                layers.append(nn.ReLU(inplace=True))
                have = want
        self.layers = nn.Sequential(*layers)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        embedding: torch.Tensor = self.layers(x_BCHW).flatten(1)
        return embedding
