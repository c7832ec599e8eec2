"""Find and read artifacts, verified by size, checksum, key and form.

What is read is not trusted: names become parts of paths only where they have their form (`names.py`), files
are read as what they have to be (`contents.py`), and files that are not a store's own are passed over.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch

from randteach import identity, storage
from randteach.errors import Damaged, Unknown, UserError
from randteach.identity import names
from randteach.identity.artifact import Artifact
from randteach.kinds import readable, revisions
from randteach.stages.recorder import DIVERGED
from randteach.store import commits, contents
from randteach.store.commits import Commit
from randteach.store.contents import RECORD, Rows

COMMIT = re.compile(rf"{names.PREFIX}/({names.ARTIFACT})\.json")
PLACE = re.compile(rf"({names.KIND})/{names.PREFIX}/({names.ARTIFACT})/({names.ATTEMPT})")
NOTE = re.compile(rf"({names.CODE})/({names.KIND})/{names.PREFIX}/({names.ARTIFACT})\.json")
T = TypeVar("T")


def passed_over(folder: str, error: OSError) -> None:
    """Pass over a folder that can't be read; `verify` names it."""


class Artifacts:
    """The artifacts of the store at an address."""

    def __init__(self, address: str | Path) -> None:
        self.storage = storage.opened(address)
        self.address = self.storage.address

    @property
    def root(self) -> Path:
        """The folder of a store that is in one."""
        return Path(self.address)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn a failed read into one message."""
        try:
            yield
        except BrokenPipeError:  # who read what is printed
            raise
        except OSError as error:
            why = f"{error.filename}: {error.strerror}" if error.filename else error
            raise UserError(f"--store {self.address}: can't be read ({why}); try again") from None

    def kinds(self) -> list[str]:
        """Kinds of which anything is committed, also those that this version doesn't know."""
        return [kind for kind in self.storage.names("done") if names.fits(names.KIND, kind)]

    def done(self, kind: str, unread: storage.Unread = passed_over) -> set[str]:
        """Names of all committed artifacts of a kind, by one walk over its commits."""
        paths = self.storage.walk(f"done/{kind}", 2, unread)
        return {found[1] for path in paths if (found := COMMIT.fullmatch(path))}

    def all(self, unread: storage.Unread = passed_over) -> Iterator[Artifact]:
        """All committed artifacts that can be read, kind by kind, in order of keys and steps."""
        for kind in self.kinds():
            if readable(kind):
                found = (Artifact.named(kind, name) for name in self.done(kind, unread))
                yield from sorted(found, key=lambda a: (a.key, a.step or 0))

    def strange(self) -> Iterator[Artifact]:
        """All committed artifacts of the package's own kinds that this version doesn't know."""
        for kind in self.kinds():
            if not readable(kind):
                yield from (Artifact.named(kind, name) for name in sorted(self.done(kind)))

    def has(self, artifact: Artifact) -> bool:
        """Whether the artifact is committed."""
        return self.storage.exists(commit_name(artifact))

    def commit_of(self, artifact: Artifact) -> Commit:
        """The commit of an artifact; KeyError where there is none, Damaged where it can't be read.

        Raises Unknown for a kind of the package's that this version doesn't know.
        """
        if not readable(artifact.kind):
            raise Unknown(artifact, "a kind")
        name, text = commit_name(artifact), None
        try:
            text = self.storage.read(name, commits.MOST)
            return commits.read(artifact, text)
        except FileNotFoundError:
            raise KeyError(f"{artifact.kind} {artifact.name} is not in {self.address}") from None
        except (OSError, ValueError) as error:
            what = "is not what was written"
            if isinstance(error, OSError):
                if not storage.broken(error):
                    raise
                what = error.strerror or str(error)
            raise Damaged(artifact, "", f"{self.storage.where(name)}: {what}", text) from None

    def diverged(self, artifact: Artifact) -> bool:
        """Whether the artifact is a student that diverged; one that can't be read is not known to be."""
        with suppress(KeyError, Damaged, Unknown):
            return self.commit_of(artifact).status == DIVERGED
        return False

    def read(self, artifact: Artifact, name: str, *, kept: bool = True) -> bytes:
        """A file's bytes, verified; KeyError where there is none, Damaged where it is not whole.

        A whole local copy of a file in a bucket is read in its place, unless `kept` is false. Raises Unknown
        for an artifact of a newer version.
        """
        return self._parsed(artifact, name, lambda content: content, kept)

    def _parsed(self, artifact: Artifact, name: str, parse: Callable[[bytes], T], kept: bool = True) -> T:
        """What a file says; Damaged where it is not what was written, or `parse` raises ValueError."""
        commit = self.commit_of(artifact)
        at = f"{folder(artifact)}/{commit.attempt}/{name}"
        about = commit.files.get(name)
        if about is None and name not in RECORD:
            raise KeyError(f"{artifact.kind} {artifact.name} has no {name}")

        def check(content: bytes) -> None:
            if wrong := _wrong(artifact, name, content, about or {}):
                raise ValueError(wrong)

        try:
            if about is None:
                raise ValueError("its commit names no such file")
            if kept:
                return parse(self.storage.checked(at, check, about["size"]))
            content = self.storage.read(at, about["size"])
            check(content)
            return parse(content)
        except (ValueError, KeyError, safetensors.SafetensorError) as error:
            what = str(error)
        except OSError as error:
            if not storage.broken(error):
                raise
            what = error.strerror or str(error) or "No such file"
        raise Damaged(artifact, commit.attempt, f"{self.storage.where(at)}: {what}", commit.text)

    def rows(self, artifact: Artifact) -> Rows:
        """The artifact's metric rows; its config must hash to its key."""
        self.read(artifact, "config.json")
        return self._parsed(artifact, "metrics.jsonl", contents.rows)

    def json(self, artifact: Artifact, name: str) -> dict[str, Any]:
        """`config` or `provenance` of an artifact."""
        return self._parsed(artifact, f"{name}.json", contents.OBJECTS[name])

    def weights(self, artifact: Artifact, name: str) -> dict[str, torch.Tensor]:
        """Named tensors of `NAME.safetensors`, contiguous, on the CPU."""
        return self._parsed(artifact, f"{name}.safetensors", safetensors.torch.load)

    def verify(self, artifact: Artifact) -> None:
        """Read all of an artifact; Damaged where anything of it is not what was written.

        Raises Unknown for one of a newer version.
        """
        files = self.commit_of(artifact).files
        for name in sorted(files, key=lambda name: name != "config.json"):  # which tells the revision
            self._parsed(artifact, name, contents.READ.get(name, len), kept=False)

    def known(self, artifact: Artifact) -> bool:
        """Whether an artifact is of a kind and a revision that is declared here, as far as can be seen."""
        if artifact.kind not in revisions():
            return False
        try:
            self.read(artifact, "config.json")
        except Unknown:
            return False
        except (KeyError, Damaged):
            return True
        return True

    def aside(self) -> set[Artifact]:
        """Artifacts that were set aside, and have not been made again."""
        found = set()
        for path in self.storage.walk("aside", 2):
            kind, _, name = path.partition("/")
            with suppress(ValueError):
                found.add(Artifact.named(kind, name))
        return {artifact for artifact in found if not self.has(artifact)}

    def find(self, prefix: str, kind: str | None = None) -> Iterator[Artifact]:
        """All artifacts, or those of a kind, whose key begins with `prefix`, of at least two digits."""
        for at in [kind] if kind else self.kinds():
            for name in self.storage.names(f"done/{at}/{prefix[:2]}", prefix):
                if found := COMMIT.fullmatch(f"{prefix[:2]}/{name}"):
                    yield Artifact.named(at, found[1])

    def notes(self) -> dict[str, set[str]]:
        """Digests of code by KIND/NAME of the results that it has made, by one listing."""
        found: dict[str, set[str]] = {}
        for path in self.storage.walk("code", 4, passed_over):
            if note := NOTE.fullmatch(path):
                found.setdefault(f"{note[2]}/{note[3]}", set()).add(note[1])
        return found

    def attempts(self) -> dict[Artifact, set[str]]:
        """All attempts that have files, committed or not, by one walk over them."""
        found: dict[Artifact, set[str]] = {}
        for path in self.storage.walk("objects", 4, passed_over):
            if place := PLACE.fullmatch(path):
                found.setdefault(Artifact.named(place[1], place[2]), set()).add(place[3])
        return found


def folder(artifact: Artifact) -> str:
    """Where an artifact's attempts have their folders."""
    return f"objects/{artifact.kind}/{artifact.key[:2]}/{artifact.name}"


def commit_name(artifact: Artifact) -> str:
    """An artifact's commit."""
    return f"done/{artifact.kind}/{artifact.key[:2]}/{artifact.name}.json"


def _wrong(artifact: Artifact, name: str, content: bytes, expected: Mapping[str, Any]) -> str:
    """What is wrong with a file's content; nothing where it is what was written.

    Raises Unknown for the config of a newer revision.
    """
    if len(content) != expected["size"]:
        return f"{len(content)} bytes, {expected['size']} were written"
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        return "its content is not what was written"
    if name == "config.json":
        revision = identity.revision(artifact.kind, content, artifact.key)
        if revision is None:
            return f"hashes to another key than {artifact.key}"
        if revision > revisions().get(artifact.kind, identity.LATEST):
            raise Unknown(artifact, f"a revision, {revision},")
    return ""


def note_name(artifact: Artifact, digest: str) -> str:
    """The name of the note that some code has made a result."""
    return f"code/{digest}/{artifact.kind}/{artifact.key[:2]}/{artifact.name}.json"
