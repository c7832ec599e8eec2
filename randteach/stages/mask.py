"""Which weights stay: iterative magnitude pruning and its controls (paper, Figure 8)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from loaders.streams import stream
from randteach import nets
from randteach.config import Net
from randteach.records import MaskSpec
from randteach.stages.evaluate import Classified
from randteach.stages.recorder import Recorder, Result, Tensors

Masks = dict[str, torch.Tensor]  # by a parameter's name, `encoder.` or `classifier.` before it: what stays
PRUNED = -1.0  # below all magnitudes: what is pruned stays so


def mask(spec: MaskSpec, weights: Tensors | None, within: Masks | None, record: Recorder) -> None:
    """Choose the weights that stay, and report how many of each layer.

    `weights` are those that the training ended with, `within` the mask that it was under, or for
    `random_layers` the one whose layers are imitated.
    """
    shapes = prunable(spec.net, spec.channels, spec.size, spec.classes, spec.scope)
    keep = kept(shapes, spec.fraction, spec.round)
    if spec.how == "magnitude":
        assert weights is not None
        found = smallest_pruned({name: weights[name] for name in shapes}, within, keep)
    elif spec.how == "random":
        found = smallest_pruned(_scores(shapes, spec), None, keep)
    else:
        assert within is not None
        scores = _scores(shapes, spec)
        layers = [smallest_pruned({n: scores[n]}, None, int(within[n].sum())) for n in shapes]
        found = {name: layer[name] for layer in layers for name in layer}
    counts = {name: int(layer.sum()) for name, layer in found.items()}
    total = sum(layer.numel() for layer in found.values())
    row: dict[str, Any] = {"kept_weights": sum(counts.values()), "weights": total}
    row["empty_layers"] = sum(not count for count in counts.values())
    row |= {f"kept/{name}": 100 * counts[name] / found[name].numel() for name in found}
    record.row(row)
    record.result(Result([row], {"mask": pack(found)}))


def prunable(net: Net, channels: int, size: int, classes: int, scope: str) -> dict[str, torch.Size]:
    """Shapes of what is pruned: convolutions' and linear layers' weights of the encoder, or `all`."""
    with torch.device("meta"):
        encoder = nets.build(net, channels, size)
        model = Classified(encoder, nn.Linear(nets.embedding_dim(net, size), classes))
    if scope == "all":
        return {name: parameter.shape for name, parameter in model.named_parameters()}
    layers = (nn.Conv2d, nn.Linear)
    found = {n: m.weight.shape for n, m in encoder.named_modules() if isinstance(m, layers)}
    return {f"encoder.{name}.weight": shape for name, shape in found.items()}


def kept(shapes: Mapping[str, torch.Size], fraction: float, number: int) -> int:
    """How many weights stay after a round: round(N (1 - fraction)^number)."""
    return round(sum(shape.numel() for shape in shapes.values()) * (1 - fraction) ** number)


def smallest_pruned(weights: Tensors, within: Masks | None, keep: int) -> Masks:
    """The `keep` largest magnitudes of all layers together stay, of equals the first ones.

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


def _scores(shapes: Mapping[str, torch.Size], spec: MaskSpec) -> dict[str, torch.Tensor]:
    """A random number a weight, anew in each round."""
    assert spec.seed is not None
    generator = stream(f"mask/{spec.how}", spec.seed, spec.round)
    return {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}


def pack(masks: Masks) -> dict[str, torch.Tensor]:
    """A bit a weight."""
    return {name: torch.from_numpy(np.packbits(own.numpy().ravel())) for name, own in masks.items()}


def unpack(config: Mapping[str, Any], packed: Tensors) -> Masks:
    """What `pack` has packed, for the networks of a mask's stored record."""
    about = (Net(**config["net"]), config["channels"], config["size"], config["classes"], config["scope"])
    shapes = prunable(*about)
    return {
        name: torch.from_numpy(np.unpackbits(packed[name].numpy(), count=shape.numel()).astype(bool)).view(
            shape
        )
        for name, shape in shapes.items()
    }
