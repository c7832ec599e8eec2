"""Encoders from torchvision's modules, the projection head, random draws and theta_S(alpha)."""

from randteach.nets import bottleneck
from randteach.nets.architectures import ARCHITECTURES, filled, find, recorded, settled
from randteach.nets.blend import Blend
from randteach.nets.distance import distance, mix_
from randteach.nets.draws import (
    build,
    draw_classifier,
    draw_encoder,
    draw_head,
    embedding_dim,
    has_batch_norm,
)
from randteach.nets.head import Head

__all__ = [
    "ARCHITECTURES",
    "Blend",
    "Head",
    "bottleneck",
    "build",
    "distance",
    "draw_classifier",
    "draw_encoder",
    "draw_head",
    "embedding_dim",
    "filled",
    "find",
    "has_batch_norm",
    "mix_",
    "recorded",
    "settled",
]
