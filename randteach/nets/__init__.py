"""Encoders from torchvision's modules, the projection head, random draws and theta_S(alpha)."""

from randteach.nets.blend import Blend
from randteach.nets.distance import distance, mix_
from randteach.nets.draws import build, check_shape, draw_classifier, draw_encoder, draw_head, embedding_dim
from randteach.nets.head import Head, outputs

__all__ = [
    "Blend",
    "Head",
    "build",
    "check_shape",
    "distance",
    "draw_classifier",
    "draw_encoder",
    "draw_head",
    "embedding_dim",
    "mix_",
    "outputs",
]
