"""Mode connectivity: errors along the line between two trainings of one checkpoint (paper, Figure 9)."""

import math
from collections.abc import Sequence

import torch

from randteach import nets
from randteach.nets.classified import Classified
from randteach.specs import ConnectSpec
from randteach.stages.embed import norms, reestimate, to_device
from randteach.stages.evaluate import Inputs, errors
from randteach.stages.recorder import Recorder, Result, Row, Tensors

INTERPOLATED, REESTIMATED, NONE = "interpolated", "reestimated", "none"


def connect(
    spec: ConnectSpec,
    ends: tuple[Tensors, Tensors],
    train: Inputs,
    test: Inputs,
    device: torch.device,
    record: Recorder,
) -> None:
    """Error in percent and loss at gamma `ends[0]` + (1 - gamma) `ends[1]`, gamma from 0 to 1.

    Weights and buffers are interpolated; where there are norm layers, a second time with statistics
    estimated anew on `train`. The last rows are the barriers, the ends' L2 distance and their cosine,
    of all parameters.
    """
    net, size = spec.ends[0].net, spec.samples.size
    dim = nets.embedding_dim(net, size)
    encoder = nets.build(net, spec.ends[0].channels, size)
    model = to_device(Classified(encoder, torch.nn.Linear(dim, train.classes)), device).requires_grad_(False)
    blend = nets.Blend(model, ends)
    splits = {"train": train, "test": test}
    rows: list[Row] = []
    for point in range(spec.points):
        record.pause()
        gamma = point / (spec.points - 1)
        blend.set((gamma, 1 - gamma))
        for bn in (INTERPOLATED, REESTIMATED) if norms(encoder) else (NONE,):
            if bn == REESTIMATED:
                reestimate(encoder, train)
            model.eval()
            for split, samples in splits.items():
                error, loss = errors(model, samples)
                rows.append({"gamma": gamma, "bn": bn, "split": split, "error": error, "loss": loss})
                record.row(rows[-1])
    rows += barriers(rows)
    one, other = blend.parameters_KP
    distance, cosine = (one - other).norm(), torch.cosine_similarity(one, other, dim=0)
    rows.append({"distance": float(distance), "cosine": float(cosine)})
    record.result(Result(rows))


def barriers(rows: Sequence[Row]) -> list[Row]:
    """For each line of rows, in order of gamma from 0 to 1: the barriers of its error and of its loss."""
    found: list[Row] = []
    for bn, split in dict.fromkeys((row["bn"], row["split"]) for row in rows):
        line = [row for row in rows if (row["bn"], row["split"]) == (bn, split)]
        gammas = [row["gamma"] for row in line]
        heights = {name: barrier(gammas, [row[name] for row in line]) for name in ("error", "loss")}
        found.append({"bn": bn, "split": split, **{f"barrier_{name}": h for name, h in heights.items()}})
    return found


def barrier(gammas: Sequence[float], values: Sequence[float]) -> float:
    """The most by which values along a line exceed the straight line between its two ends; 0 or more.

    nan where any of them is.
    """
    first, last = values[0], values[-1]
    above = [v - (gamma * last + (1 - gamma) * first) for gamma, v in zip(gammas, values, strict=True)]
    return math.nan if any(map(math.isnan, above)) else max(above)
