"""Evaluate many networks on the same samples, which are read once."""

import math
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import torch
import torch.nn.functional as F

from loaders import Split
from randteach.environment.numerics import EMBED_BATCH
from randteach.stages.embed import prepare


class Inputs:
    """Labelled samples held on a device as the reader's bytes; each pass normalises them batch by batch."""

    def __init__(self, data: Split, indices: np.ndarray, device: torch.device) -> None:
        assert data.labels is not None
        self.data, self.device, self.classes = data, device, int(data.labels.max()) + 1
        with closing(data.reader(EMBED_BATCH, indices=indices)) as reader:
            self.images = [batch.images_BCHW.to(device) for batch in reader.epoch(0)]
        self.labels_N = torch.from_numpy(data.labels[indices]).to(device)

    def __len__(self) -> int:
        return len(self.labels_N)

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Batches x_BCHW in the order of the samples."""
        for images_BCHW in self.images:
            yield prepare(images_BCHW, self.data, self.device)


@torch.no_grad()
def errors(classify: Callable[[torch.Tensor], torch.Tensor], samples: Inputs) -> tuple[float, float]:
    """Error in percent and mean cross-entropy of classify(x_BCHW) -> logits_BC; nan where that overflows."""
    labels = samples.labels_N.split(EMBED_BATCH)
    totals = torch.zeros(2, dtype=torch.float64, device=samples.device)
    for x_BCHW, y_B in zip(samples, labels, strict=True):
        logits_BC = classify(x_BCHW)
        wrong = (logits_BC.argmax(1) != y_B).sum()
        loss = F.cross_entropy(logits_BC, y_B, reduction="sum")
        totals += torch.stack((wrong.double(), loss.double()))
    wrong_count, loss_sum = totals.tolist()
    error = 100 * wrong_count / len(samples) if math.isfinite(loss_sum) else math.nan  # never a guess
    return error, loss_sum / len(samples)
