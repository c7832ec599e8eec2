"""Artifacts at their keys: committed once, verified when read.

    objects/KIND/ab/KEY[@STEP]/ATTEMPT/...   an attempt's files
    done/KIND/ab/KEY[@STEP].json             the commit: names, sizes and checksums of the winner's files
    aside/KIND/KEY[@STEP]/ATTEMPT...         commits and files of artifacts that were found damaged
    code/DIGEST/KIND/ab/KEY[@STEP].json      an empty note: this code has made the result
    reports/NAME/...                         tables and figures of sweeps that ran on a cluster
    studies/NAME/DIGEST.json, runs/N.json    each plan, and the starts that ran it, recorded before they run

A commit is one marker made by exclusive creation (a hard link, or a conditional put): of two equal attempts
the first wins and the other is dropped. Files last before the marker is there, so a marker never names a
file that is not there whole. Weights are safetensors, rows JSON lines. What is unfinished is `work.py`'s,
where files are `storage`'s business.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from randteach import code, disk, identity, storage
from randteach.jobs import Artifact
from randteach.marker import Damaged, Marker, sealed, unsealed
from randteach.setting import UserError
from randteach.stages.recorder import DIVERGED

LAYOUT = "format.json"
FORMAT = 1  # of the store's layout; a store of a newer one is refused

Rows = list[dict[str, Any]]


class Store:
    """A store at an address: a folder of a local or shared disk, or a place in a bucket."""

    def __init__(self, address: str | Path) -> None:
        self.storage = storage.opened(address)
        self.address = self.storage.address

    @property
    def root(self) -> Path:
        """The folder of a store that is in one."""
        return Path(self.address)

    def prepare(self) -> None:
        """Try to write, and lay the store out; UserError where that fails or the format is newer."""
        self.storage.check()
        with self.writing(), suppress(FileExistsError):
            self.storage.create(LAYOUT, json.dumps({"format": FORMAT}).encode())
        self.check_format()

    def check_there(self) -> None:
        """UserError where there is no store at the address, or a newer one."""
        if self._format() is None:
            raise UserError(f"--store {self.address}: there is no store; name the place that a sweep made")

    def check_format(self) -> None:
        """UserError where a newer version of this software has laid the store out."""
        self._format()

    def _format(self) -> int | None:
        """The format's number; None where there is no store."""
        try:
            written = int(json.loads(self.storage.read(LAYOUT))["format"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            why = error.strerror or error
            raise UserError(f"--store {self.address}: can't be read ({why}); give another one") from None
        except (ValueError, KeyError, TypeError):
            where = self.storage.where(LAYOUT)
            why = "can't be read, so that this is no store"
            raise UserError(f"{where}: {why}; give another --store") from None
        if written > FORMAT:
            raise UserError(f"--store {self.address}: was written by a newer randteach; update this one")
        return written

    def writing(self) -> AbstractContextManager[None]:
        """What fails to be written becomes one message."""
        return disk.writing(self.address, "--store")

    def kinds(self) -> list[str]:
        """Kinds of which anything is committed."""
        return self.storage.names("done")

    def done(self, kind: str) -> set[str]:
        """Names of all committed artifacts of a kind, by one walk over its markers."""
        return {path.rpartition("/")[2][:-5] for path in self.storage.walk(f"done/{kind}", 2)}

    def all(self) -> Iterator[Artifact]:
        """All committed artifacts, kind by kind, in order of keys and steps."""
        for kind in self.kinds():
            yield from sorted(
                (Artifact.named(kind, name) for name in self.done(kind)), key=lambda a: (a.key, a.step or 0)
            )

    def has(self, artifact: Artifact) -> bool:
        """Whether the artifact is committed."""
        return self.storage.exists(marker_name(artifact))

    def marker(self, artifact: Artifact) -> Marker:
        """The commit of an artifact; KeyError where there is none, Damaged where it can't be read."""
        name = marker_name(artifact)
        try:
            return Marker(artifact=artifact, **unsealed(self.storage.read(name)))
        except FileNotFoundError:
            raise KeyError(f"{artifact.kind} {artifact.name} is not in {self.address}") from None
        except (ValueError, TypeError, AttributeError):
            raise Damaged(artifact, "", f"{self.storage.where(name)}: is not what was written") from None

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
        made_with: str | None = None,
    ) -> bool:
        """Write the files and the marker; False where another attempt was first.

        `session` is the driver's: by it others know whether an attempt without a marker may still get one.
        `made_with` is the digest of the code that made the files, by default of this process's; empty where
        nobody knows.
        """
        made_with = code.digest() if made_with is None else made_with
        attempt = (f"{session}-" if session else "") + made_with + secrets.token_hex(8)
        at, marker_at = f"{folder(artifact)}/{attempt}", marker_name(artifact)
        try:
            for name, content in files.items():
                self.storage.write(f"{at}/{name}", content)
            for place in (at, at.rpartition("/")[0], at.rsplit("/", 2)[0]):
                self.storage.flush(place)
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
            self.storage.create(marker_at, sealed(marker))
        except BaseException as error:
            # Interrupted behind its marker, an attempt is committed all the same.
            if not self._names(artifact, attempt):
                with suppress(OSError):
                    self.storage.remove(at)
            if isinstance(error, FileExistsError):
                return False
            raise
        self.note(artifact, made_with)
        return True

    def note(self, artifact: Artifact, made_with: str) -> None:
        """Note which code has made a result, so that plans can count without reading markers.

        The attempt's name says the same, and is what counts: a note that is lost is written again.
        """
        if made_with and artifact.kind != "state":
            with suppress(OSError):
                self.storage.replace(note_name(artifact, made_with), b"")

    def notes(self) -> dict[str, set[str]]:
        """Digests of code by KIND/NAME of the results that it has made, by one listing."""
        found: dict[str, set[str]] = {}
        for path in self.storage.walk("code", 4):
            digest, kind, _, name = path.split("/")
            found.setdefault(f"{kind}/{name.removesuffix('.json')}", set()).add(digest)
        return found

    def _names(self, artifact: Artifact, attempt: str) -> bool:
        """Whether the marker names an attempt, as far as can be seen."""
        try:
            return self.marker(artifact).attempt == attempt
        except (KeyError, Damaged):
            return False
        except OSError:
            return True  # nobody knows: its files stay

    def read(self, artifact: Artifact, name: str, *, kept: bool = True) -> bytes:
        """A file's bytes, verified; KeyError where there is none, Damaged where it is not whole.

        Of a bucket's file a copy on this machine is read where there is a whole one; not one that is `kept`
        where the file itself is to be looked at.
        """
        marker = self.marker(artifact)
        at = f"{folder(artifact)}/{marker.attempt}/{name}"
        if name not in marker.files:
            raise KeyError(f"{artifact.kind} {artifact.name} has no {name}")
        what = ""
        try:
            for content in self.storage.copies(at) if kept else [self.storage.read(at)]:
                if not (what := _wrong(artifact, name, content, marker.files[name])):
                    return content
        except FileNotFoundError as error:
            what = error.strerror or "No such file"
        raise Damaged(artifact, marker.attempt, f"{self.storage.where(at)}: {what}")

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
            self.read(artifact, name, kept=False)

    def set_aside(self, damage: Damaged) -> None:
        """Take a damaged artifact's commit and files away: it is missing, and will be made again."""
        artifact, attempt = damage.artifact, damage.attempt
        if not self._still(damage):
            return  # someone else was faster, and it may have been made anew
        aside = f"aside/{artifact.kind}/{artifact.name}"
        with suppress(FileNotFoundError):
            self.storage.move(marker_name(artifact), f"{aside}/{attempt or secrets.token_hex(8)}.json")
            if attempt:
                self.storage.move(f"{folder(artifact)}/{attempt}", f"{aside}/{attempt}")
        digests = [code.made_with(attempt)] if attempt else self.storage.names("code")
        self.storage.remove(*(note_name(artifact, digest) for digest in digests if digest))

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
        for path in files:
            self.storage.replace(f"reports/{study}/{path.name}", path.read_bytes())

    def find(self, prefix: str, kind: str | None = None) -> Iterator[Artifact]:
        """All artifacts, or those of a kind, whose key begins with `prefix`, of at least two digits."""
        for at in [kind] if kind else self.kinds():
            for name in self.storage.names(f"done/{at}/{prefix[:2]}", prefix):
                yield Artifact.named(at, name.removesuffix(".json"))

    def attempts(self) -> dict[Artifact, set[str]]:
        """All attempts that have files, committed or not, by one walk over them."""
        found: dict[Artifact, set[str]] = {}
        for path in self.storage.walk("objects", 4):
            kind, _, name, attempt = path.split("/")
            found.setdefault(Artifact.named(kind, name), set()).add(attempt)
        return found

    def abandoned(
        self, artifact: Artifact, alive: Callable[[str], bool], attempts: Iterable[str] | None = None
    ) -> list[str]:
        """Folders of attempts that the marker doesn't name, and whose session is not alive."""
        at = folder(artifact)
        known = self.storage.names(at) if attempts is None else sorted(attempts)
        dead = [name for name in known if not alive(session_of(name))]
        try:  # only now: who committed and ended meanwhile is seen
            committed = self.marker(artifact).attempt if dead else ""
        except KeyError:
            committed = ""
        except (Damaged, OSError):
            return []  # nobody knows which one it names
        return [f"{at}/{name}" for name in dead if name != committed]


def folder(artifact: Artifact) -> str:
    """Where an artifact's attempts have their folders."""
    return f"objects/{artifact.kind}/{artifact.key[:2]}/{artifact.name}"


def marker_name(artifact: Artifact) -> str:
    """An artifact's commit."""
    return f"done/{artifact.kind}/{artifact.key[:2]}/{artifact.name}.json"


def note_name(artifact: Artifact, digest: str) -> str:
    """The note that a code has made a result."""
    return f"code/{digest}/{artifact.kind}/{artifact.key[:2]}/{artifact.name}.json"


def _wrong(artifact: Artifact, name: str, content: bytes, expected: Mapping[str, Any]) -> str:
    """What is wrong with a file's content; nothing where it is what was written."""
    if len(content) != expected["size"]:
        return f"{len(content)} bytes, {expected['size']} were written"
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        return "its content is not what was written"
    if name == "config.json" and not identity.names(artifact.kind, content, artifact.key):
        return f"hashes to another key than {artifact.key}"
    return ""


def session_of(attempt: str) -> str:
    """The session that an attempt belongs to; nothing for one outside any."""
    return attempt.rpartition("-")[0]


def tensors(named: Mapping[str, torch.Tensor]) -> bytes:
    """Safetensors bytes; the format takes contiguous tensors only."""
    return safetensors.torch.save({name: value.contiguous().cpu() for name, value in named.items()})
