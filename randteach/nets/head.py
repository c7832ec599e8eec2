"""The projection head: embedding -> hidden layers with GELU -> bottleneck -> outputs."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from randteach.config.schema import Head as HeadConfig
from randteach.nets import bottleneck
from randteach.nets.precision import float32


class Head(nn.Module):
    """embedding_BD -> features_BF (bottleneck, of norm 1 unless told otherwise) -> logits_BK.

    Under autocast the hidden layers alone are computed in bfloat16: outputs near to the teacher's differ by
    less than it can tell.
    """

    def __init__(self, config: HeadConfig, embedding_dim: int) -> None:
        super().__init__()
        self.parts = bottleneck.parts(config)
        first, last = self.parts
        layers: list[nn.Module] = []
        have = embedding_dim
        for want in config.hidden_dims:
            layers += [nn.Linear(have, want), nn.GELU()]
            have = want
        if first.there:
            kind = _RowNormed if first.weight_norm else nn.Linear
            layers.append(kind(have, config.bottleneck_dim, bias=first.linear == "lb"))
            have = config.bottleneck_dim
        self.layers = nn.Sequential(*layers)
        self.last = nn.Linear(have, config.out_dim, bias=last.linear == "lb") if last.there else None
        self.width = have  # of the features

    def features(self, embedding_BD: torch.Tensor) -> torch.Tensor:
        """The bottleneck: all that the last layer sees of a sample."""
        hidden = len(self.layers) - self.parts[0].there
        hidden_BD = self.layers[:hidden](embedding_BD)
        with float32(hidden_BD):
            features_BF: torch.Tensor = self.layers[hidden:](hidden_BD.float())
            return F.normalize(features_BF, dim=1) if self.parts[0].feature_norm else features_BF

    def prototypes(self) -> torch.Tensor | None:
        """The last layer's weight_KF as it is used, if there is one."""
        if self.last is None:
            return None
        weight: torch.Tensor = self.last.weight
        return F.normalize(weight, dim=1) if self.parts[1].weight_norm else weight

    def logits(self, features_BF: torch.Tensor, prototypes_KF: torch.Tensor | None) -> torch.Tensor:
        """The outputs that student and teacher are compared on, in memory of their own."""
        with float32(features_BF):
            if self.last is None or prototypes_KF is None:
                logits_BK = features_BF.clone()
            else:
                logits_BK = outputs(features_BF, prototypes_KF)
                logits_BK = logits_BK + self.last.bias if self.parts[1].linear == "lb" else logits_BK
            return F.normalize(logits_BK, dim=1) if self.parts[1].feature_norm else logits_BK

    def forward(self, embedding_BD: torch.Tensor) -> torch.Tensor:
        """Embeddings to outputs."""
        return self.logits(self.features(embedding_BD), self.prototypes())


class _RowNormed(nn.Linear):
    """A linear layer of which the weight's rows are normalised to 1."""

    def forward(self, x_BD: torch.Tensor) -> torch.Tensor:
        return F.linear(x_BD, F.normalize(self.weight, dim=1), self.bias)


def outputs(features_BF: torch.Tensor, prototypes_KF: torch.Tensor) -> torch.Tensor:
    """The last layer's logits_BK, which the loss takes."""
    if features_BF.device.type == "cpu" and torch.backends.mkldnn.is_available():
        result: torch.Tensor = _OneDNN.apply(features_BF, prototypes_KF)
        return result
    return F.linear(features_BF, prototypes_KF)


class _OneDNN(torch.autograd.Function):
    """F.linear by oneDNN: at 256 x 65,536 outputs its product took 45 ms where BLAS took 72."""

    @staticmethod
    def forward(ctx: Any, features_BF: torch.Tensor, prototypes_KF: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(features_BF, prototypes_KF)
        linear = torch.ops.mkldnn._linear_pointwise
        result: torch.Tensor = linear(features_BF, prototypes_KF, None, "none", [], "")
        return result

    @staticmethod
    def backward(ctx: Any, grad_BK: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features_BF, prototypes_KF = ctx.saved_tensors
        return grad_BK @ prototypes_KF, grad_BK.t() @ features_BF
