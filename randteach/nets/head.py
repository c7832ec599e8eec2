"""The projection head: embedding -> hidden layers with GELU -> L2-normalised bottleneck -> outputs."""

import torch
import torch.nn.functional as F
from torch import nn

from randteach.config import Head as HeadConfig


class Head(nn.Module):
    """embedding_BD -> features_BF (bottleneck, of norm 1) -> logits_BK."""

    def __init__(self, config: HeadConfig, embedding_dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        have = embedding_dim
        for want in config.hidden_dims:
            layers += [nn.Linear(have, want), nn.GELU()]
            have = want
        layers.append(nn.Linear(have, config.bottleneck_dim))
        self.layers = nn.Sequential(*layers)
        self.last = nn.Linear(config.bottleneck_dim, config.out_dim, bias=False)
        self.weight_norm = config.weight_norm

    def features(self, embedding_BD: torch.Tensor) -> torch.Tensor:
        """The normalised bottleneck: all that the last layer sees of a sample."""
        return F.normalize(self.layers(embedding_BD), dim=1)

    def prototypes(self) -> torch.Tensor:
        """The last layer's weight_KF, with rows of norm 1 where weight_norm says so."""
        weight: torch.Tensor = self.last.weight
        return F.normalize(weight, dim=1) if self.weight_norm else weight

    def forward(self, embedding_BD: torch.Tensor) -> torch.Tensor:
        """The outputs that student and teacher are compared on."""
        return F.linear(self.features(embedding_BD), self.prototypes())
