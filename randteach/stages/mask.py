"""Choose which weights stay: iterative magnitude pruning and its controls (paper, Figure 8)."""

from collections.abc import Mapping
from typing import Any

import torch

from loaders.streams import stream
from randteach.nets.pruning import Masks, kept, pack, prunable, smallest_pruned
from randteach.specs import MaskSpec
from randteach.stages.recorder import Recorder, Result, Tensors


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


def _scores(shapes: Mapping[str, torch.Size], spec: MaskSpec) -> dict[str, torch.Tensor]:
    """Draw a random number for each weight, anew in each round."""
    assert spec.seed is not None
    generator = stream(f"mask/{spec.how}", spec.seed, spec.round)
    return {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}
