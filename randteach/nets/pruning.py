"""Which weights can be pruned, which of them stay, and masks a bit a weight."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from randteach.config.schema import Net
from randteach.nets.classified import Classified
from randteach.nets.draws import build, embedding_dim

Masks = dict[str, torch.Tensor]  # by a parameter's name, `encoder.` or `classifier.` before it: what stays
Weights = Mapping[str, torch.Tensor]
PRUNED = -1.0  # below all magnitudes: what is pruned stays so


def prunable(net: Net, channels: int, size: int, classes: int, scope: str) -> dict[str, torch.Size]:
    """Shapes of what is pruned: convolutions' and linear layers' weights of the encoder, or `all`."""
    with torch.device("meta"):
        encoder = build(net, channels, size)
        model = Classified(encoder, nn.Linear(embedding_dim(net, size), classes))
    if scope == "all":
        return {name: parameter.shape for name, parameter in model.named_parameters()}
    layers = (nn.Conv2d, nn.Linear)
    found = {n: m.weight.shape for n, m in encoder.named_modules() if isinstance(m, layers)}
    return {f"encoder.{name}.weight": shape for name, shape in found.items()}


def kept(shapes: Mapping[str, torch.Size], fraction: float, number: int) -> int:
    """How many weights stay after a round: round(N (1 - fraction)^number)."""
    return round(sum(shape.numel() for shape in shapes.values()) * (1 - fraction) ** number)


def smallest_pruned(weights: Weights, within: Masks | None, keep: int) -> Masks:
    """The `keep` largest magnitudes of all layers together stay, ties go to the first.

    What `within` has pruned before stays pruned.
    """
    magnitudes = [weight.abs() for weight in weights.values()]
    if within is not None:
        for magnitude, name in zip(magnitudes, weights, strict=True):
            magnitude.masked_fill_(~within[name], PRUNED)
    flat = torch.cat([magnitude.flatten() for magnitude in magnitudes])
    stay = torch.zeros(len(flat), dtype=torch.bool)
    stay[flat.argsort(descending=True, stable=True)[:keep]] = True
    parts = stay.split([weight.numel() for weight in weights.values()])
    return {name: own.view(weights[name].shape) for name, own in zip(weights, parts, strict=True)}


def pack(masks: Masks) -> dict[str, torch.Tensor]:
    """A bit a weight."""
    return {name: torch.from_numpy(np.packbits(own.numpy().ravel())) for name, own in masks.items()}


def unpack(config: Mapping[str, Any], packed: Weights) -> Masks:
    """What `pack` has packed, for the networks of a mask's stored record."""
    about = (Net(**config["net"]), config["channels"], config["size"], config["classes"], config["scope"])
    shapes = prunable(*about)
    return {
        name: torch.from_numpy(np.unpackbits(packed[name].numpy(), count=shape.numel()).astype(bool)).view(
            shape
        )
        for name, shape in shapes.items()
    }
