"""Encoders from torchvision's modules, the projection head, random draws and theta_S(alpha)."""

from randteach.nets.architectures import ARCHITECTURES
from randteach.nets.blend import Blend
from randteach.nets.distance import distance, mix_
from randteach.nets.draws import build, draw_classifier, draw_encoder, draw_head, embedding_dim, has_norms
from randteach.nets.head import Head, outputs

__all__ = [
    "ARCHITECTURES",
    "Blend",
    "Head",
    "build",
    "distance",
    "draw_classifier",
    "draw_encoder",
    "draw_head",
    "embedding_dim",
    "has_norms",
    "mix_",
    "outputs",
]
