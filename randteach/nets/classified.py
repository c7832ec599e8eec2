"""An encoder with a linear classifier."""

import torch
from torch import nn


class Classified(nn.Module):
    """x_BCHW -> logits_BC: an encoder and a linear classifier on its embedding."""

    def __init__(self, encoder: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.encoder, self.classifier = encoder, classifier

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Classify a batch."""
        logits_BC: torch.Tensor = self.classifier(self.encoder(x_BCHW))
        return logits_BC
