"""An encoder with a linear classifier."""

import torch
from torch import nn

from randteach.nets.precision import float32


class Classified(nn.Module):
    """x_BCHW -> logits_BC: an encoder and a linear classifier on its embedding."""

    def __init__(self, encoder: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.encoder, self.classifier = encoder, classifier

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Classify a batch; in float32 from the embedding on."""
        embedding_BD = self.encoder(x_BCHW)
        with float32(embedding_BD):
            logits_BC: torch.Tensor = self.classifier(embedding_BD.float())
        return logits_BC
