"""A split as networks see it, in files of a few megabytes: made where the raw files are, read elsewhere."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import safetensors
import safetensors.numpy

from loaders.beton import locked
from loaders.datasets.dataset import Chunk
from loaders.disk import replacing
from loaders.errors import DataError
from loaders.source import PIECE, Source, Statistics

VERSION = "2"  # of the files; part of the index's name
INDEX = 1 << 20  # bytes of an index


class DataCache(Protocol):
    """A place that has prepared splits."""

    def get(self, name: str, most: int | None = None) -> bytes | None:
        """A file's bytes; None where there is none. One of more than `most` bytes raises OSError."""

    def __hash__(self) -> int:
        """Splits are opened once a process and data cache."""


def pack(name: str, source: Source) -> Iterator[tuple[str, bytes]]:
    """Files by name, in the order in which they are to be put: the index, which names all others, is last."""
    parts = []
    for images, labels in _parts(source):
        named = {"images": images} if labels is None else {"images": images, "labels": labels}
        content = safetensors.numpy.save({key: np.ascontiguousarray(value) for key, value in named.items()})
        sha256 = hashlib.sha256(content).hexdigest()
        parts.append({"file": _file(name, sha256), "sha256": sha256})
        yield _file(name, sha256), content
    mean, std = source.statistics()
    about = {"count": source.count, "shape": source.shape, "labelled": source.labelled}
    yield index(name), json.dumps({**about, "mean": mean, "std": std, "parts": parts}).encode()


def _parts(source: Source) -> Iterator[Chunk]:
    """A source's chunks, joined to parts."""
    held: list[Chunk] = []
    size = 0
    for chunk in source.chunks():
        held.append(chunk)
        size += chunk[0].nbytes
        if size >= PIECE:
            yield _joined(held)
            held, size = [], 0
    if held:
        yield _joined(held)


def _joined(chunks: list[Chunk]) -> Chunk:
    labels = [own for _, own in chunks if own is not None]
    return np.concatenate([images for images, _ in chunks]), np.concatenate(labels) if labels else None


def _file(name: str, sha256: str) -> str:
    return f"{name}-{sha256[:12]}.safetensors"


def index(name: str) -> str:
    """The file that names a split's parts; it is put last, so that a split with one is whole."""
    return f"{name}-v{VERSION}.json"


def fetched(name: str, data_cache: DataCache, cache: Path) -> "Fetched | None":
    """A split in the data cache; None where there is none. Raises DataError for a damaged index."""
    text = _got(data_cache, index(name), INDEX)
    if text is None:
        return None
    try:
        return Fetched(name, json.loads(text), data_cache, cache)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"{index(name)} in the store's data: is damaged; delete it") from None


class Fetched:
    """A split from the data cache, or from this machine's own copies of its parts."""

    def __init__(self, name: str, about: dict[str, Any], data_cache: DataCache, cache: Path) -> None:
        self.name, self.data_cache, self.cache = name, data_cache, cache
        channels, height, width = map(_whole, about["shape"])
        self.count, self.shape = _whole(about["count"]), (channels, height, width)
        self.labelled = about["labelled"] is True
        self._statistics = tuple(map(float, about["mean"])), tuple(map(float, about["std"]))
        size = self.count * channels * height * width
        if size > 2 * PIECE * len(about["parts"]):
            raise ValueError("has too few parts")
        self._files = {str(part["file"]): str(part["sha256"]) for part in about["parts"]}
        for file, sha256 in self._files.items():
            # Both name one thing: no path is made of what an index says.
            if not re.fullmatch("[0-9a-f]{64}", sha256) or file != _file(name, sha256):
                raise ValueError("names another file")

    def chunks(self) -> Iterator[Chunk]:
        """The images and labels; one process fetches a part while others wait.

        Raises DataError where the cache gives other bytes than were put.
        """
        self.cache.mkdir(parents=True, exist_ok=True)
        seen = 0
        for file, sha256 in self._files.items():
            with locked(self.cache / f".{self.name}.fetch"):
                content = _copy(self.cache / file, sha256, partial(_got, self.data_cache, file))
            images, labels = self._unpacked(file, content)
            seen += len(images)
            if seen > self.count:
                break
            yield images, labels
        if seen != self.count:
            raise DataError(f"{index(self.name)} in the store's data: is damaged; delete it")

    def statistics(self) -> Statistics:
        """Those that were put with it."""
        return self._statistics

    def _unpacked(self, file: str, content: bytes) -> Chunk:
        """The arrays; DataError where they are not those of images and labels."""
        try:
            found = safetensors.numpy.load(content)
            images, labels = found["images"], found["labels"] if self.labelled else None
        except (safetensors.SafetensorError, KeyError, ValueError):
            raise _no_split(file) from None
        if images.dtype != np.uint8 or images.shape[1:] != self.shape:
            raise _no_split(file)
        if labels is not None and (labels.dtype != np.int64 or labels.shape != images.shape[:1]):
            raise _no_split(file)
        return images, labels


def _no_split(file: str) -> DataError:
    return DataError(f"{file} in the store's data: holds no split; delete it and its index")


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("is no whole number")
    return value


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
    with replacing(path) as temporary:
        temporary.write_bytes(fresh)
    return fresh
