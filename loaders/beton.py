"""Write images to an FFCV file once, under a name that carries the digest of its content."""

import contextlib
import fcntl
import hashlib
import json
import os
import queue
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from loaders.disk import replacing
from loaders.errors import LoaderError
from loaders.resize import Images
from loaders.source import Source

VERSION = 1  # of what is written; a file of another version is written anew


@dataclass(frozen=True)
class Beton:
    """An FFCV file that has been checked, and what a reader must know of it."""

    path: Path
    sha256: str
    count: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    labelled: bool = True


def ensure(name: str, cache: Path, source: Callable[[], Source]) -> Beton:
    """The file called `name` in `cache`, checked; written from `source` where it is missing or damaged.

    One process writes while others wait; a writer that is killed leaves nothing that is ever read.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f".{name}.lock"):
        index = cache / f"{name}.json"
        if index.exists():
            found = _read(index)
            if found is not None:
                return found
            warnings.warn(f"{cache / name}: damaged, written anew", RuntimeWarning, stacklevel=2)
        return _write(name, cache, source)


def _read(index: Path) -> Beton | None:
    """The indexed file, or None where file or index is not what was written."""
    try:
        content = json.loads(index.read_text())
        path = index.parent / content["file"]
        if content["version"] != VERSION or _digest(path) != content["sha256"]:
            return None
        mean, std = tuple(content["mean"]), tuple(content["std"])
        return Beton(path, content["sha256"], content["count"], mean, std, content.get("labelled", True))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(name: str, cache: Path, source: Callable[[], Source]) -> Beton:
    found = source()
    part = cache / f".{name}.part"  # under the lock: a killed writer's is written over
    with replacing(cache / f"{name}.json", by=part) as temporary:
        _write_ffcv(temporary, found)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        sha256 = _digest(temporary)
        path = cache / f"{name}-{sha256[:12]}.beton"
        temporary.replace(path)
        beton = Beton(path, sha256, found.count, *found.statistics(), found.labelled)
        content = {**asdict(beton), "file": path.name, "version": VERSION}
        content.pop("path")
        temporary.write_text(json.dumps(content))
    return beton


def _write_ffcv(path: Path, source: Source) -> None:
    with threads_kept():
        from ffcv import writer as ffcv_writer
        from ffcv.fields import IntField, NDArrayField

        fields = {
            "image": NDArrayField(np.dtype("uint8"), source.shape),
            "label": IntField(),
            "index": IntField(),
        }
        writer = ffcv_writer.DatasetWriter(str(path), fields, num_workers=1)
        rows = _Rows(source)
        with (
            mock.patch.multiple(ffcv_writer, Process=_Here, Queue=queue.SimpleQueue),
            open(os.devnull, "w") as nothing,
            contextlib.redirect_stderr(nothing),
        ):
            writer.from_indexed_dataset(rows)
        rows.end()


class _Here:
    """FFCV's writing process, run in this one.

    FFCV waits for ever for a process that has failed, and a forked one inherits the lock: it would keep
    it after this one has been killed.
    """

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.start = partial(target, *args)


class _Rows:
    """Samples as FFCV's writer asks for them: one after the other, read as they are asked for."""

    def __init__(self, source: Source) -> None:
        self.count, self._samples, self._next = source.count, _samples(source), 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Images, int, int]:
        if index != self._next:
            raise IndexError(f"FFCV asked for sample {index}, and {self._next} is the next one")
        self._next += 1
        image, label = next(self._samples)
        return image, label, int(index)

    def end(self) -> None:
        """Read to the end, so that the source checks how much it gave."""
        if next(self._samples, None) is not None:
            raise LoaderError(f"more than {self.count} images were read")


def _samples(source: Source) -> Iterator[tuple[Images, int]]:
    """Images and labels; -1 where there are none."""
    for images, labels in source.chunks():
        for at, image in enumerate(images):
            yield image, -1 if labels is None else int(labels[at])


@contextlib.contextmanager
def threads_kept() -> Iterator[None]:
    """Restore torch's number of threads, which FFCV changes when it is imported and at work."""
    import torch

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's lock; the kernel frees it when its holder dies."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
