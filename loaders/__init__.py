"""Readers of images: indices, bytes and labels in an order that is a function of (seed, epoch) alone."""

import importlib.util
from functools import cache
from pathlib import Path

import torch

from loaders.beton import ensure
from loaders.datasets import DATASETS, find, load
from loaders.errors import DataError, LoaderError
from loaders.memory import MemorySplit
from loaders.noise import gaussian
from loaders.order import Indices
from loaders.protocol import Batch, Reader, Split
from loaders.resize import Images, resize, statistics

__all__ = [
    "DATASETS",
    "Batch",
    "DataError",
    "LoaderError",
    "Reader",
    "Split",
    "ffcv_available",
    "open_split",
]


def ffcv_available() -> bool:
    """Whether FFCV is installed, without the seconds that its import takes."""
    return importlib.util.find_spec("ffcv") is not None


@cache
def open_split(
    name: str,
    split: str,
    *,
    size: int,
    channels: int,
    loader: str,
    root: Path,
    cache: Path,
    device: str = "cpu",
    count: int | None = None,
    sigma: float = 1.0,
) -> Split:
    """A split ("train" or "test") at (channels, size, size), opened once a process.

    `loader` is "ffcv", "memory", or "device", which holds all samples on `device`. `root` holds raw
    data, `cache` FFCV files; `count` and `sigma` are those of random inputs. Raises DataError where the
    set is unknown, missing or corrupt.
    """
    known = find(name)
    if known.noise:
        assert count is not None, "random inputs have as many samples as one asks for"
        return gaussian(count, channels, size, sigma, device)
    if loader == "ffcv":
        from loaders.ffcv import FFCVSplit

        about = f"{name}-{split}-{channels}x{size}x{size}-{known.checksum.partition(':')[2]}"
        return FFCVSplit(
            name, split, ensure(about, cache, lambda: _arrays(name, split, size, channels, root))
        )
    images, labels, mean, std = _arrays(name, split, size, channels, root)
    return MemorySplit(name, split, torch.from_numpy(images), labels, mean, std, device)


def _arrays(
    name: str, split: str, size: int, channels: int, root: Path
) -> tuple[Images, Indices, tuple[float, ...], tuple[float, ...]]:
    """Resized images and labels of a split, with the statistics of its set's training split."""
    images, labels = load(name, split, root)
    images = resize(images, size, channels)
    known = DATASETS[name]
    if size == known.shape[1] and known.mean:
        repeat = channels // len(known.mean)
        return images, labels, known.mean * repeat, known.std * repeat
    train = images if split == "train" else resize(load(name, "train", root)[0], size, channels)
    return images, labels, *statistics(train)
