"""Artifacts at their keys: committed once, verified when read.

    objects/KIND/ab/KEY/ATTEMPT/...   an attempt's files
    done/KIND/ab/KEY[@STEP].json      the commit: names, sizes and checksums of the winner's files
    studies/NAME/DIGEST.json          each plan, recorded before it runs

A commit is one marker made by exclusive creation (a hard link): of two equal attempts the first wins
and the other is dropped. Files are flushed before the marker is, so a marker never names a file that
is not there whole. Weights are safetensors, rows JSON lines.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from randteach.config import UserError
from randteach.records import Artifact

FORMAT = 1  # of the store's layout; a store of a newer one is refused

Rows = list[dict[str, Any]]


class Damaged(Exception):
    """A file is missing, truncated or altered: it must not be used."""


@dataclass(frozen=True)
class Marker:
    """A committed artifact: how its making ended, its files, and what making it cost."""

    artifact: Artifact
    attempt: str
    status: str
    files: Mapping[str, Mapping[str, Any]]
    seconds: float
    numerics: str
    size: int = field(default=0)


class Store:
    """A store in a folder of a local or shared disk."""

    def __init__(self, address: str | Path) -> None:
        if "://" in str(address):
            raise UserError(f"--store {address}: only folders of a local or shared disk can be a store")
        self.root = Path(address).absolute()

    def prepare(self) -> None:
        """Make the folders and try to write; UserError where that fails or the format is newer."""
        ensure_writable(self.root, "--store")
        with _writing(self.root, "--store"):
            for name in ("objects", "done", "studies"):
                (self.root / name).mkdir(exist_ok=True)
            with suppress(FileExistsError):
                _create(self.root / "format.json", json.dumps({"format": FORMAT}).encode())
        self.check_format()

    def check_format(self) -> None:
        """UserError where a newer version of this software has laid the store out."""
        path = self.root / "format.json"
        try:
            written = json.loads(path.read_text())["format"] if path.exists() else FORMAT
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(
                f"{path}: can't be read, so that this is no store; give another --store"
            ) from None
        if written > FORMAT:
            raise UserError(f"--store {self.root}: was written by a newer randteach; update this one")

    def free_bytes(self) -> int:
        """Room left on the store's disk; its folder need not be there yet."""
        there = next(path for path in (self.root, *self.root.parents) if path.exists())
        return shutil.disk_usage(there).free

    def done(self, kind: str) -> set[str]:
        """Names of all committed artifacts of a kind, by one walk over its markers."""
        names: set[str] = set()
        with suppress(FileNotFoundError, NotADirectoryError):
            for part in os.scandir(self.root / "done" / kind):
                if part.is_dir():
                    names.update(entry.name[:-5] for entry in os.scandir(part.path))
        return {name for name in names if not name.startswith(".")}

    def has(self, artifact: Artifact) -> bool:
        """Whether the artifact is committed."""
        return self._marker_path(artifact).exists()

    def marker(self, artifact: Artifact) -> Marker:
        """The commit of an artifact; KeyError where there is none."""
        try:
            content = json.loads(self._marker_path(artifact).read_text())
        except FileNotFoundError:
            raise KeyError(f"{artifact.kind} {artifact.name} is not in {self.root}") from None
        return Marker(artifact=artifact, **content)

    def commit(
        self,
        artifact: Artifact,
        files: Mapping[str, bytes],
        *,
        status: str,
        seconds: float,
        numerics: str,
    ) -> bool:
        """Write the files and the marker; False where another attempt was first."""
        attempt = secrets.token_hex(8)
        folder = self._objects(artifact) / attempt
        folder.mkdir(parents=True)
        try:
            for name, content in files.items():
                _write(folder / name, content)
            for path in (folder, folder.parent, folder.parent.parent):
                _flush_folder(path)
            listed = {
                name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                for name, content in files.items()
            }
            marker = {
                "attempt": attempt,
                "status": status,
                "files": listed,
                "seconds": round(seconds, 3),
                "numerics": numerics,
                "size": sum(len(content) for content in files.values()),
            }
            path = self._marker_path(artifact)
            path.parent.mkdir(parents=True, exist_ok=True)
            _create(path, json.dumps(marker).encode())
        except BaseException as error:
            # Interrupted behind its marker, an attempt is committed all the same.
            if not self.has(artifact) or self.marker(artifact).attempt != attempt:
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, FileExistsError):
                return False
            raise
        return True

    def read(self, artifact: Artifact, name: str) -> bytes:
        """A file's bytes, verified; KeyError where there is none, Damaged where it is not whole."""
        marker = self.marker(artifact)
        expected = marker.files[name]
        path = self._objects(artifact) / marker.attempt / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Damaged(f"{path}: {error.strerror}") from None
        if len(content) != expected["size"]:
            raise Damaged(f"{path}: {len(content)} bytes, {expected['size']} were written")
        if hashlib.sha256(content).hexdigest() != expected["sha256"]:
            raise Damaged(f"{path}: its content is not what was written")
        return content

    def rows(self, artifact: Artifact) -> Rows:
        """The artifact's metric rows."""
        return [json.loads(line) for line in self.read(artifact, "metrics.jsonl").splitlines()]

    def json(self, artifact: Artifact, name: str) -> dict[str, Any]:
        """`config` or `provenance` of an artifact."""
        content: dict[str, Any] = json.loads(self.read(artifact, f"{name}.json"))
        return content

    def weights(self, artifact: Artifact, name: str) -> dict[str, torch.Tensor]:
        """Named tensors of `NAME.safetensors`, contiguous, on the CPU."""
        return safetensors.torch.load(self.read(artifact, f"{name}.safetensors"))

    def record_plan(self, name: str, digest: str, content: Mapping[str, Any]) -> None:
        """Keep a study's plan; the plan run last is the newest file."""
        path = self.root / "studies" / name / f"{digest}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            _create(path, json.dumps(content).encode())
        path.touch()

    def plan(self, name: str) -> dict[str, Any]:
        """The plan that a study ran last; UserError where there is none."""
        plans = sorted(self.root.glob(f"studies/{name}/*.json"), key=lambda p: p.stat().st_mtime_ns)
        if not plans:
            known = sorted(path.name for path in self.root.glob("studies/*"))
            raise UserError(f"{self.root} has no study {name!r}; it has {', '.join(known) or 'none'}")
        content: dict[str, Any] = json.loads(plans[-1].read_text())
        return content

    def find(self, prefix: str) -> Iterator[Artifact]:
        """All artifacts whose key begins with `prefix`, of at least two digits."""
        for path in sorted(self.root.glob(f"done/*/{prefix[:2]}/{prefix}*.json")):
            key, _, step = path.stem.partition("@")
            yield Artifact(path.parts[-3], key, int(step) if step else None)

    def _objects(self, artifact: Artifact) -> Path:
        return self.root / "objects" / artifact.kind / artifact.key[:2] / artifact.name

    def _marker_path(self, artifact: Artifact) -> Path:
        return self.root / "done" / artifact.kind / artifact.key[:2] / f"{artifact.name}.json"


def ensure_writable(folder: Path, setting: str) -> None:
    """Make the folder and try to write there; UserError, naming the setting, where that fails."""
    probe = folder / f".writable-{secrets.token_hex(4)}"
    with _writing(folder, setting):
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()


@contextmanager
def _writing(folder: Path, setting: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{setting} {folder}: can't write there ({error.strerror}); give a folder that you may write to"
        ) from None


def tensors(named: Mapping[str, torch.Tensor]) -> bytes:
    """Safetensors bytes; the format takes contiguous tensors only."""
    return safetensors.torch.save({name: value.contiguous().cpu() for name, value in named.items()})


def _write(path: Path, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _create(path: Path, content: bytes) -> None:
    """Create a file whole or not at all; FileExistsError where it exists."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(temporary, content)
        os.link(temporary, path)
        _flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
