"""Do students of a network of one's own, on images of one's own, beat their random teachers?

A file from outside the package: it declares a network, a data set, a loss and a measure of features, and
runs by itself. The images are the 1,797 handwritten digits that come with scikit-learn.

    python examples/own_images.py --preset mini               # a minute on two CPU cores
    python examples/own_images.py --preset mini distill.loss=ce,example.cosine
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

import randteach as rt

SHA256 = "b41ca9fd335466ee"


class Convnet(nn.Module):
    """Three convolutions and a mean over positions: x_BCHW -> embedding_BD, D = 4 width."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        widths = pairwise((channels, width, 2 * width, 4 * width))
        self.layers = nn.ModuleList(nn.Conv2d(before, after, 3, padding=1) for before, after in widths)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """The embedding."""
        for number, layer in enumerate(self.layers):
            x_BCHW = F.relu(layer(x_BCHW))
            if number < len(self.layers) - 1:
                x_BCHW = F.max_pool2d(x_BCHW, 2)
        return x_BCHW.mean((2, 3))


CONVNET = rt.Architecture(
    "example.convnet",
    family="convnet",
    build=lambda channels, width, size: Convnet(channels, width),
    embedding_dim=lambda width, size: 4 * width,
    norms=("none",),
    smallest=4,
)


def read_digits(split: str, root: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """images_NCHW and labels_N: each fifth digit is one of the test split."""
    found = load_digits()
    images_NCHW = np.round(found.images * 255 / 16).astype(np.uint8)[:, None]
    if hashlib.sha256(images_NCHW.tobytes()).hexdigest()[:16] != SHA256:
        raise rt.UserError("example.digits: scikit-learn has other digits than those that were declared")
    is_test_N = np.arange(len(images_NCHW)) % 5 == 0
    chosen_N = is_test_N if split == "test" else ~is_test_N
    yield images_NCHW[chosen_N], found.target[chosen_N].astype(np.int64)


DIGITS = rt.DataSet(
    "example.digits",
    title="digits",
    source="scikit-learn",
    licence="CC BY 4.0",
    shape=(1, 8, 8),
    classes=10,
    train=1437,
    test=360,
    checksum=f"sha256:{SHA256}",
    read=read_digits,
    flips=False,
)


def cosine(student_BK: torch.Tensor, teacher_BK: torch.Tensor) -> torch.Tensor:
    """1 less the cosine between outputs: loss_B."""
    return 1 - F.cosine_similarity(student_BK, teacher_BK, dim=-1)


def nearest_centroid(
    parameters: object, features: rt.Features, pause: Callable[[], None]
) -> Mapping[str, float]:
    """Accuracy in percent of the class whose training features have the nearest mean."""
    x_ND, y_N = features.of["train"], features.labels["train"]
    means_CD = torch.stack([x_ND[y_N == label].mean(0) for label in range(features.classes)])
    nearest = {split: torch.cdist(own, means_CD).argmin(1) for split, own in features.of.items()}
    right = {split: guess == features.labels[split] for split, guess in nearest.items()}
    return {split: 100 * float(hits.float().mean()) for split, hits in right.items()}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, and probes and measures of it, of its teacher and of raw pixels."""
    yield from rt.compared(point)


SETTING: rt.presets.Preset = {
    "net.arch": CONVNET.name,
    "net.width": 16,
    "data.name": DIGITS.name,
    "head.hidden_dims": [256, 256],
    "head.bottleneck_dim": 64,
    "head.out_dim": 1024,
    "distill.batch_size": 128,
    "distill.epochs": 20,
    "alpha": (1e-10, 0.6, 1.0),
    "seed": (0, 1),
}

STUDY = rt.Study(
    name="own_images",
    question=(__doc__ or "").partition("\n")[0],
    presets={"mini": SETTING, "paper": {**SETTING, "net.width": 64, "seed": (0, 1, 2, 3, 4)}},
    jobs=jobs,
    reports=(rt.report.INIT_DISTANCE,),
    declares=(
        CONVNET,
        DIGITS,
        rt.Loss.of("example.cosine", cosine),
        rt.Measure("example.centroid", nearest_centroid, title="nearest centroid"),
    ),
)

if __name__ == "__main__":
    rt.main(STUDY)
