"""Probes of a frozen reference: linear on raw and on standardised features, and kNN (paper, 4.1)."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from loaders import Split
from loaders.streams import stream
from randteach.specs import ProbeSpec
from randteach.stages.embed import embedded
from randteach.stages.neighbours import knn
from randteach.stages.recorder import Recorder, Result, Row


def probe(
    spec: ProbeSpec,
    encoder: Callable[[torch.Tensor], torch.Tensor],
    train: Split,
    test: Split,
    indices: dict[str, np.ndarray],
    device: torch.device,
    record: Recorder,
) -> None:
    """Accuracies in percent of `linear`, `linear_std` and `knn`, on `test` and, if asked for, `val`.

    `indices` are the samples of "train", "test" and "val", the last ones held out of `train`. One
    embedding pass of each serves all probes.
    """
    samples = embedded(encoder, train, test, indices, device)
    rows = accuracies(spec, samples.of, samples.labels, samples.classes, record)
    for row in rows:
        record.row(row)
    record.result(Result(rows))


def accuracies(
    spec: ProbeSpec,
    features: Mapping[str, torch.Tensor],
    labels: Mapping[str, torch.Tensor],
    classes: int,
    record: Recorder,
) -> list[Row]:
    """A row for each split but "train": accuracies in percent of probes of features_ND trained on that."""
    raw, std = linear_probe(spec, features["train"], labels["train"], classes, record)
    rows: list[Row] = []
    for split in sorted(set(features) - {"train"}):
        x_ND, y_N = features[split], labels[split]
        votes = knn(features["train"], labels["train"], x_ND, spec.neighbours, classes)
        guesses = {"linear": raw(x_ND).argmax(1), "linear_std": std(x_ND).argmax(1), "knn": votes}
        correct = {name: int((guess == y_N).sum()) for name, guess in guesses.items()}
        rows.append({"split": split, **{name: 100 * hits / len(y_N) for name, hits in correct.items()}})
    return rows


Classifier = Callable[[torch.Tensor], torch.Tensor]


def linear_probe(
    spec: ProbeSpec, x_ND: torch.Tensor, y_N: torch.Tensor, classes: int, record: Recorder
) -> tuple[Classifier, Classifier]:
    """Two linear layers trained side by side, on raw and on standardised features.

    Both start alike, U(-1/sqrt(D), 1/sqrt(D)), and see the same batches, one permutation in every
    epoch; AdamW on weight and bias. A constant feature's standard deviation counts as 1.
    """
    count, dim = x_ND.shape
    std_D, mean_D = torch.std_mean(x_ND.double(), dim=0, correction=0)
    std_D = torch.where(std_D > 0, std_D, 1).to(x_ND.dtype)
    mean_D = mean_D.to(x_ND.dtype)
    # The bias is a further input of 1, so that both probes are one batched matrix product.
    start = torch.rand(dim + 1, classes, generator=stream("probe/linear", spec.seed))
    start = (2 * start - 1) / dim**0.5
    weight_2DC = nn.Parameter(start.to(x_ND.device).repeat(2, 1, 1))
    optimizer = torch.optim.AdamW([weight_2DC], lr=spec.lr, weight_decay=spec.weight_decay, fused=True)
    order = torch.randperm(count, generator=stream("probe/order", spec.seed)).to(x_ND.device)
    for _ in range(spec.epochs):
        record.pause()
        for batch in order.split(spec.batch_size):
            x_BD = x_ND[batch]
            x_2BD = torch.stack((x_BD, (x_BD - mean_D) / std_D))
            logits = torch.baddbmm(weight_2DC[:, -1:], x_2BD, weight_2DC[:, :-1])
            target = y_N[batch].repeat(2)
            # A sum of two means: each layer gets the gradient that it would get alone.
            loss = 2 * F.cross_entropy(logits.flatten(0, 1), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    raw_DC, std_DC = weight_2DC.detach()
    return (
        lambda x: x @ raw_DC[:-1] + raw_DC[-1],
        lambda x: ((x - mean_D) / std_D) @ std_DC[:-1] + std_DC[-1],
    )
