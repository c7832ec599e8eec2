"""A split as networks see it, in one file: made where the raw files are, read where they are not."""

import hashlib
import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors.numpy

from loaders.beton import locked
from loaders.errors import DataError
from loaders.order import Indices
from loaders.resize import Images

Arrays = tuple[Images, Indices, tuple[float, ...], tuple[float, ...]]
VERSION = "1"  # of the file; part of its name


class Depot(Protocol):
    """Where prepared splits are to be had."""

    def get(self, name: str) -> bytes | None:
        """A file's bytes; None where there is none."""

    def __hash__(self) -> int:
        """Splits are opened once a process and depot."""


def pack(name: str, arrays: Arrays) -> dict[str, bytes]:
    """Files by name, in the order in which they are to be put: what says that the others are there last."""
    images, labels, mean, std = arrays
    named = {"images": images, "labels": labels, "mean": np.array(mean), "std": np.array(std)}
    content = safetensors.numpy.save({key: np.ascontiguousarray(value) for key, value in named.items()})
    sha256 = hashlib.sha256(content).hexdigest()
    file = f"{name}-{sha256[:12]}.safetensors"
    return {file: content, index(name): json.dumps({"file": file, "sha256": sha256}).encode()}


def index(name: str) -> str:
    """The file that says that a split is there whole, and its digest."""
    return f"{name}-v{VERSION}.json"


def fetched(name: str, depot: Depot, cache: Path) -> Arrays | None:
    """A split from the depot, or from this machine's own copy of its file; None where the depot has none.

    One process fetches while others wait. Raises DataError where what the depot gives is not what was put.
    """
    about = depot.get(index(name))
    if about is None:
        return None
    try:
        found = json.loads(about)
        file, sha256 = str(found["file"]), str(found["sha256"])
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{index(name)} in the store's data: is damaged; delete it") from None
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f".{name}.fetch"):
        return _unpacked(_copy(cache / file, sha256, lambda: depot.get(file)))


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


def _unpacked(content: bytes) -> Arrays:
    found = safetensors.numpy.load(content)
    mean, std = (tuple(map(float, found[name])) for name in ("mean", "std"))
    return found["images"], found["labels"], mean, std
