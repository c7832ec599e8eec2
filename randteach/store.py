"""Artifacts at their keys: committed once, verified when read.

    objects/KIND/ab/KEY[@STEP]/ATTEMPT/...   an attempt's files
    done/KIND/ab/KEY[@STEP].json             the commit: names, sizes and checksums of the winner's files
    aside/KIND/KEY[@STEP]/ATTEMPT...         commits and files of artifacts that were found damaged
    reports/NAME/...                         tables and figures of sweeps that ran on a cluster
    studies/NAME/DIGEST.json, runs/N.json    each plan, and the starts that ran it, recorded before they run

A commit is one marker made by exclusive creation (a hard link): of two equal attempts the first wins
and the other is dropped. Files are flushed before the marker is, so a marker never names a file that
is not there whole. Weights are safetensors, rows JSON lines. What is unfinished is `work.py`'s.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from randteach import disk, identity
from randteach.jobs import Artifact
from randteach.marker import Damaged, Marker, sealed, unsealed
from randteach.setting import UserError
from randteach.stages.recorder import DIVERGED

FORMAT = 1  # of the store's layout; a store of a newer one is refused

Rows = list[dict[str, Any]]


class Store:
    """A store in a folder of a local or shared disk."""

    def __init__(self, address: str | Path) -> None:
        if "://" in str(address):
            raise UserError(f"--store {address}: only folders of a local or shared disk can be a store")
        self.root = Path(address).absolute()

    def prepare(self) -> None:
        """Make the folders and try to write; UserError where that fails or the format is newer."""
        disk.ensure_writable(self.root, "--store")
        disk.ensure_exclusive(self.root, "--store")
        with disk.writing(self.root, "--store"):
            for name in ("objects", "done", "studies", "work"):
                (self.root / name).mkdir(exist_ok=True)
            with suppress(FileExistsError):
                disk.create(self.root / "format.json", json.dumps({"format": FORMAT}).encode())
        self.check_format()

    def check_there(self) -> None:
        """UserError where there is no store at the address, or a newer one."""
        if not (self.root / "format.json").exists():
            raise UserError(f"--store {self.root}: there is no store; name the folder that a sweep made")
        self.check_format()

    def check_format(self) -> None:
        """UserError where a newer version of this software has laid the store out."""
        path = self.root / "format.json"
        try:
            written = int(json.loads(path.read_text())["format"]) if path.exists() else FORMAT
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

    def kinds(self) -> list[str]:
        """Kinds of which anything is committed."""
        return disk.names(self.root / "done")

    def done(self, kind: str) -> set[str]:
        """Names of all committed artifacts of a kind, by one walk over its markers."""
        found: set[str] = set()
        with suppress(FileNotFoundError, NotADirectoryError):
            for part in os.scandir(self.root / "done" / kind):
                if part.is_dir():
                    found.update(entry.name[:-5] for entry in os.scandir(part.path))
        return {name for name in found if not name.startswith(".")}

    def all(self) -> Iterator[Artifact]:
        """All committed artifacts, kind by kind, in order of keys and steps."""
        for kind in self.kinds():
            yield from sorted(
                (Artifact.named(kind, name) for name in self.done(kind)), key=lambda a: (a.key, a.step or 0)
            )

    def has(self, artifact: Artifact) -> bool:
        """Whether the artifact is committed."""
        return self.marker_path(artifact).exists()

    def marker(self, artifact: Artifact) -> Marker:
        """The commit of an artifact; KeyError where there is none, Damaged where it can't be read."""
        path = self.marker_path(artifact)
        try:
            return Marker(artifact=artifact, **unsealed(path.read_bytes()))
        except FileNotFoundError:
            raise KeyError(f"{artifact.kind} {artifact.name} is not in {self.root}") from None
        except (ValueError, TypeError, AttributeError):
            raise Damaged(artifact, "", f"{path}: is not what was written") from None

    def diverged(self, artifact: Artifact) -> bool:
        """Whether the artifact is a student that diverged; one that can't be read is not known to be."""
        with suppress(KeyError, Damaged):
            return self.marker(artifact).status == DIVERGED
        return False

    def commit(
        self,
        artifact: Artifact,
        files: Mapping[str, bytes],
        *,
        status: str,
        seconds: float,
        numerics: str,
        session: str = "",
    ) -> bool:
        """Write the files and the marker; False where another attempt was first.

        `session` is the driver's: by it others know whether an attempt without a marker may still get one.
        """
        attempt = f"{session}-{secrets.token_hex(8)}" if session else secrets.token_hex(8)
        folder = self.folder(artifact) / attempt
        folder.mkdir(parents=True)
        try:
            for name, content in files.items():
                disk.write(folder / name, content)
            for path in (folder, folder.parent, folder.parent.parent):
                disk.flush_folder(path)
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
            path = self.marker_path(artifact)
            path.parent.mkdir(parents=True, exist_ok=True)
            disk.create(path, sealed(marker))
        except BaseException as error:
            # Interrupted behind its marker, an attempt is committed all the same.
            if not self._names(artifact, attempt):
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, FileExistsError):
                return False
            raise
        return True

    def _names(self, artifact: Artifact, attempt: str) -> bool:
        marker = disk.read_json(self.marker_path(artifact))
        return isinstance(marker, dict) and marker.get("attempt") == attempt

    def read(self, artifact: Artifact, name: str) -> bytes:
        """A file's bytes, verified; KeyError where there is none, Damaged where it is not whole."""
        marker = self.marker(artifact)
        path = self.folder(artifact) / marker.attempt / name
        if name not in marker.files:
            raise KeyError(f"{artifact.kind} {artifact.name} has no {name}")
        expected = marker.files[name]
        what = ""
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise Damaged(artifact, marker.attempt, f"{path}: {error.strerror}") from None
        if len(content) != expected["size"]:
            what = f"{path}: {len(content)} bytes, {expected['size']} were written"
        elif hashlib.sha256(content).hexdigest() != expected["sha256"]:
            what = f"{path}: its content is not what was written"
        elif name == "config.json" and not identity.names(artifact.kind, content, artifact.key):
            what = f"{path}: hashes to another key than {artifact.key}"
        if what:
            raise Damaged(artifact, marker.attempt, what)
        return content

    def rows(self, artifact: Artifact) -> Rows:
        """The artifact's metric rows; its config must hash to its key."""
        self.read(artifact, "config.json")
        return [json.loads(line) for line in self.read(artifact, "metrics.jsonl").splitlines()]

    def json(self, artifact: Artifact, name: str) -> dict[str, Any]:
        """`config` or `provenance` of an artifact."""
        content: dict[str, Any] = json.loads(self.read(artifact, f"{name}.json"))
        return content

    def weights(self, artifact: Artifact, name: str) -> dict[str, torch.Tensor]:
        """Named tensors of `NAME.safetensors`, contiguous, on the CPU."""
        return safetensors.torch.load(self.read(artifact, f"{name}.safetensors"))

    def verify(self, artifact: Artifact) -> None:
        """Read all of an artifact; Damaged where anything of it is not what was written."""
        for name in self.marker(artifact).files:
            self.read(artifact, name)

    def set_aside(self, damage: Damaged) -> None:
        """Take a damaged artifact's commit and files away: it is missing, and will be made again."""
        artifact, attempt = damage.artifact, damage.attempt
        if not self._still(damage):
            return  # someone else was faster, and it may have been made anew
        aside = self.root / "aside" / artifact.kind / artifact.name
        aside.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self.marker_path(artifact).rename(aside / f"{attempt or secrets.token_hex(8)}.json")
            if attempt:
                (self.folder(artifact) / attempt).rename(aside / attempt)

    def _still(self, damage: Damaged) -> bool:
        """Whether the commit is the one that was found damaged."""
        try:
            return self.marker(damage.artifact).attempt == damage.attempt
        except Damaged:
            return not damage.attempt
        except KeyError:
            return False

    def keep_report(self, study: str, files: Iterable[Path]) -> None:
        """Keep a study's table and figures beside what they were made from, for those on other machines."""
        folder = self.root / "reports" / study
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            disk.replace(folder / path.name, path.read_bytes())

    def find(self, prefix: str) -> Iterator[Artifact]:
        """All artifacts whose key begins with `prefix`, of at least two digits."""
        for path in sorted(self.root.glob(f"done/*/{prefix[:2]}/{prefix}*.json")):
            yield Artifact.named(path.parts[-3], path.stem)

    def abandoned(self, artifact: Artifact, alive: Callable[[str], bool]) -> list[Path]:
        """Folders of attempts that the marker doesn't name, and whose session is not alive."""
        folder = self.folder(artifact)
        dead = [name for name in disk.names(folder) if not alive(session_of(name))]
        try:  # only now: who committed and ended meanwhile is seen
            committed = self.marker(artifact).attempt if dead else ""
        except KeyError:
            committed = ""
        except (Damaged, OSError):
            return []  # nobody knows which one it names
        return [folder / name for name in dead if name != committed]

    def folder(self, artifact: Artifact) -> Path:
        """Where the artifact's attempts have their folders."""
        return self.root / "objects" / artifact.kind / artifact.key[:2] / artifact.name

    def marker_path(self, artifact: Artifact) -> Path:
        """The artifact's commit."""
        return self.root / "done" / artifact.kind / artifact.key[:2] / f"{artifact.name}.json"


def session_of(attempt: str) -> str:
    """The session that an attempt belongs to; nothing for one outside any."""
    return attempt.rpartition("-")[0]


def tensors(named: Mapping[str, torch.Tensor]) -> bytes:
    """Safetensors bytes; the format takes contiguous tensors only."""
    return safetensors.torch.save({name: value.contiguous().cpu() for name, value in named.items()})
