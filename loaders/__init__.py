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
from loaders.prepared import Arrays, DataCache, fetched
from loaders.protocol import Batch, Reader, Split
from loaders.resize import resize, statistics

__all__ = [
    "DATASETS",
    "Batch",
    "DataCache",
    "DataError",
    "LoaderError",
    "Reader",
    "Split",
    "arrays",
    "ffcv_available",
    "open_images",
    "open_split",
    "prepared_name",
]


def ffcv_available() -> bool:
    """Whether FFCV is installed, without the seconds that its import takes."""
    return importlib.util.find_spec("ffcv") is not None


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
    seed: int = 0,
    data_cache: DataCache | None = None,
) -> Split:
    """A split ("train" or "test") at (channels, size, size), of images opened once a process.

    `loader` is "ffcv", "memory", or "device", which holds all samples on `device`. `root` holds raw
    data, `cache` FFCV files; `count`, `sigma` and `seed` are those of random inputs. What a `data_cache`
    has is taken from there, without raw data. Raises UserError for an unknown set, DataError where a set is
    missing or corrupt.
    """
    if find(name).noise:
        assert count is not None, "random inputs have as many samples as one asks for"
        return gaussian(count, channels, size, sigma, seed, device)
    return open_images(name, split, size, channels, loader, root, cache, device, data_cache)


@cache
def open_images(
    name: str,
    split: str,
    size: int,
    channels: int,
    loader: str,
    root: Path,
    cache: Path,
    device: str,
    data_cache: DataCache | None,
) -> Split:
    """A split of images, kept open by the process."""
    about = prepared_name(name, split, size, channels)

    def source() -> Arrays:
        found = fetched(about, data_cache, cache) if data_cache else None
        return found or arrays(name, split, size, channels, root)

    if loader == "ffcv":
        from loaders.ffcv import FFCVSplit

        return FFCVSplit(name, split, ensure(about, cache, source))
    images, labels, mean, std = source()
    return MemorySplit(name, split, torch.from_numpy(images), labels, mean, std, device)


def prepared_name(name: str, split: str, size: int, channels: int) -> str:
    """The name of a split at (channels, size, size), in caches and data caches."""
    return f"{name}-{split}-{channels}x{size}x{size}-{find(name).checksum.partition(':')[2]}"


def arrays(name: str, split: str, size: int, channels: int, root: Path) -> Arrays:
    """Resized images and labels of a split, with the statistics of its set's training split."""
    images, labels = load(name, split, root)
    images = resize(images, size, channels)
    known = DATASETS[name]
    if size == known.shape[1] and known.mean:
        repeat = channels // len(known.mean)
        return images, labels, known.mean * repeat, known.std * repeat
    train = images if split == "train" else resize(load(name, "train", root)[0], size, channels)
    return images, labels, *statistics(train)
