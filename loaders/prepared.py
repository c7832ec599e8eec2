"""A split as networks see it, in one file: made where the raw files are, read where they are not."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors
import safetensors.numpy

from loaders.beton import locked
from loaders.errors import DataError
from loaders.order import Indices
from loaders.resize import Images

Arrays = tuple[Images, Indices, tuple[float, ...], tuple[float, ...]]
VERSION = "1"  # of the file; part of its name
INDEX = 1 << 16  # bytes of an index


class DataCache(Protocol):
    """Where prepared splits are to be had."""

    def get(self, name: str, most: int | None = None) -> bytes | None:
        """A file's bytes; None where there is none. One of more than `most` bytes raises OSError."""

    def __hash__(self) -> int:
        """Splits are opened once a process and data cache."""


def pack(name: str, arrays: Arrays) -> dict[str, bytes]:
    """Files by name, in the order in which they are to be put: what says that the others are there last."""
    images, labels, mean, std = arrays
    named = {"images": images, "labels": labels, "mean": np.array(mean), "std": np.array(std)}
    content = safetensors.numpy.save({key: np.ascontiguousarray(value) for key, value in named.items()})
    sha256 = hashlib.sha256(content).hexdigest()
    file = _file(name, sha256)
    return {file: content, index(name): json.dumps({"file": file, "sha256": sha256}).encode()}


def _file(name: str, sha256: str) -> str:
    return f"{name}-{sha256[:12]}.safetensors"


def index(name: str) -> str:
    """The file that says that a split is there whole, and its digest."""
    return f"{name}-v{VERSION}.json"


def fetched(name: str, data_cache: DataCache, cache: Path) -> Arrays | None:
    """A split from the data cache, or from this machine's own copy; None where the cache has none.

    One process fetches while others wait. Raises DataError where the cache gives other bytes than were put.
    """
    about = _got(data_cache, index(name), INDEX)
    if about is None:
        return None
    try:
        found = json.loads(about)
        file, sha256 = found["file"], found["sha256"]
        # Both name one thing: no path is made of what an index says.
        if not re.fullmatch("[0-9a-f]{64}", sha256) or file != _file(name, sha256):
            raise ValueError("names another file")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"{index(name)} in the store's data: is damaged; delete it") from None
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f".{name}.fetch"):
        return _unpacked(file, _copy(cache / file, sha256, lambda: _got(data_cache, file)))


def _got(data_cache: DataCache, name: str, most: int | None = None) -> bytes | None:
    try:
        return data_cache.get(name, most)
    except OSError as error:
        raise DataError(f"{name} in the store's data: can't be read ({error})") from None


def _copy(path: Path, sha256: str, fetch: Callable[[], bytes | None]) -> bytes:
    with suppress(FileNotFoundError):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
    fresh = fetch() or b""
    if hashlib.sha256(fresh).hexdigest() != sha256:
        raise DataError(f"{path.name} in the store's data: is missing or damaged; delete it and its index")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        temporary.write_bytes(fresh)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return fresh


def _unpacked(file: str, content: bytes) -> Arrays:
    """The arrays; DataError where they are not those of images and labels."""
    try:
        found = safetensors.numpy.load(content)
        images, labels, mean, std = (found[name] for name in ("images", "labels", "mean", "std"))
    except (safetensors.SafetensorError, KeyError, ValueError):
        raise DataError(f"{file} in the store's data: holds no split; delete it and its index") from None
    whole = images.dtype == np.uint8 and images.ndim == 4 and labels.shape == images.shape[:1]
    if not whole or not np.issubdtype(labels.dtype, np.integer) or mean.ndim != 1 or std.shape != mean.shape:
        raise DataError(f"{file} in the store's data: holds no split; delete it and its index")
    return images, labels, tuple(map(float, mean)), tuple(map(float, std))
