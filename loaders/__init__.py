"""Readers of images: indices, bytes and labels in an order that is a function of (seed, epoch) alone."""

import importlib.util
from functools import cache
from pathlib import Path

import torch

from loaders.beton import ensure
from loaders.datasets import DATASETS, find
from loaders.datasets.files import verify
from loaders.errors import DataError, LoaderError
from loaders.memory import MemorySplit
from loaders.noise import changed, drawn
from loaders.prepared import DataCache, fetched
from loaders.protocol import Batch, Reader, Split
from loaders.source import Raw, Source, held, refuse_large

__all__ = [
    "DATASETS",
    "Batch",
    "DataCache",
    "DataError",
    "LoaderError",
    "Raw",
    "Reader",
    "Split",
    "changed",
    "ffcv_available",
    "open_images",
    "open_split",
    "prepared_name",
    "refuse_large",
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
    missing, corrupt, or too large for the reader.
    """
    if noise := find(name).noise:
        assert count is not None and not noise.of_images, "random inputs: as many as one asks for"
        return drawn(name, noise, count, channels, size, sigma, seed, device)
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
    """Open a split of images once a process."""
    about = prepared_name(name, split, size, channels)

    def source() -> Source:
        found = fetched(about, data_cache, cache) if data_cache else None
        return found or Raw(name, split, size, channels, root)

    if loader != "ffcv":
        refuse_large(name, split, size, channels, f"loader={loader}")
    if not data_cache:
        verify(find(name), root, cache)
    if loader == "ffcv":
        from loaders.ffcv import FFCVSplit

        return FFCVSplit(name, split, ensure(about, cache, source))
    found = source()
    images, labels = held(found)
    return MemorySplit(name, split, torch.from_numpy(images), labels, *found.statistics(), device)


def prepared_name(name: str, split: str, size: int, channels: int) -> str:
    """Name a split at (channels, size, size), as caches know it."""
    known = find(name)
    digest = known.checksum.partition(":")[2]
    revision = f"-r{known.revision}" if known.revision > 1 else ""
    return f"{name}-{split}-{channels}x{size}x{size}-{digest}{revision}"
