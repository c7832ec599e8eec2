"""Images a second of our readers, against torchvision's data set in a DataLoader of two workers."""

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from timing import interleaved, rate, ratio
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from loaders import DATASETS, open_split
from loaders.datasets.mnist import DEBIAN, FASHION_MNIST
from randteach.stages.embed import prepare

BATCH, ROUNDS = 256, 5


def _theirs(folder: Path, normalised: bool) -> Callable[[], None]:
    """An epoch of torchvision's FashionMNIST through PIL, its workers kept from epoch to epoch."""
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name in FASHION_MNIST:
        packed = DEBIAN / f"{name}.gz"
        (raw / name).write_bytes(gzip.decompress(packed.read_bytes()))
    known = DATASETS["fashion_mnist"]
    steps = [transforms.ToTensor(), transforms.Normalize(known.mean, known.std)]
    transform = transforms.Compose(steps) if normalised else transforms.PILToTensor()
    data = datasets.FashionMNIST(str(folder), train=True, transform=transform)
    loader = DataLoader(data, BATCH, shuffle=True, num_workers=2, persistent_workers=True)
    return lambda: [None for _ in loader] and None


def _ours(folder: Path, loader: str, normalised: bool) -> Callable[[], None]:
    """An epoch in a new random order."""
    data = open_split("fashion_mnist", "train", size=28, channels=1, loader=loader, root=folder, cache=folder)
    reader, cpu = data.reader(BATCH, seed=0), torch.device("cpu")

    def epoch() -> None:
        for batch in reader.epoch(0):
            if normalised:
                prepare(batch.images_BCHW, data, cpu)

    return epoch


def run() -> None:
    """Both ways, bytes alone and with normalising, all of it in turn."""
    count = DATASETS["fashion_mnist"].train
    print(f"Readers, Fashion-MNIST 1 x 28 x 28, {count:,} images, batch {BATCH}; {ROUNDS} rounds")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for normalised in (False, True):
            actions = {"DataLoader": _theirs(folder, normalised)}
            actions |= {loader: _ours(folder, loader, normalised) for loader in ("ffcv", "memory")}
            seconds = interleaved(actions, ROUNDS)
            print("  normalised" if normalised else "  bytes alone")
            print(f"    DataLoader {rate(count, seconds['DataLoader']):12,.0f} images/s")
            for loader in ("ffcv", "memory"):
                faster = ratio(seconds["DataLoader"], seconds[loader])
                print(f"    {loader:10} {rate(count, seconds[loader]):12,.0f} images/s: {faster}")
