"""The installed code: a digest, equal on all machines with the same files, and its commit."""

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import loaders
import randteach

DIGITS = 12
# The name of an attempt ends in the digest of the code that made it, and 8 or 16 random digits. Attempts of
# older versions have the random digits alone.
ATTEMPT = re.compile(rf"(?:[0-9a-f]*-)?([0-9a-f]{{{DIGITS}}})[0-9a-f]{{8}}(?:[0-9a-f]{{8}})?")
PATIENCE = 10.0  # seconds for git


@dataclass(frozen=True)
class Start:
    """A start of a study and its code, as everything that it makes names them.

    `start` is STUDY/N, empty outside any study. `commit` and `dirty` (code that is not the commit's) are None
    where git does not know the code.
    """

    start: str
    code: str
    commit: str | None
    dirty: bool | None


def started(start: str = "") -> Start:
    """A start that this process makes."""
    return Start(start, digest(), *_git())


@cache
def digest() -> str:
    """A digest of all modules of `randteach` and `loaders`, by relative path and content."""
    found = hashlib.sha256()
    for root in packages():
        for path in sorted(root.rglob("*.py")):
            if not path.name.startswith("."):  # an editor's lock
                name = f"{root.name}/{path.relative_to(root).as_posix()}"
                found.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:DIGITS]


def made_with(attempt: str) -> str:
    """The digest of the code that made an attempt; nothing where its name does not say."""
    found = ATTEMPT.fullmatch(attempt)
    return found[1] if found else ""


def packages() -> list[Path]:
    """The folders of this software's packages."""
    return [Path(package.__file__ or "").parent for package in (loaders, randteach)]


@cache
def _git() -> tuple[str | None, bool | None]:
    """The commit of the code, and whether the code differs from it."""
    folders = [str(path) for path in packages()]
    root = Path(folders[0]).parent
    # What an environment says of another repository is not about this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*args: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(root), *args]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=True
        )
        return done.stdout.strip()

    try:
        for package in folders:  # a repository that only lies around an installation does not know it
            git("ls-files", "--error-unmatch", "--", f"{package}/__init__.py")
        return git("rev-parse", "--verify", "HEAD"), bool(git("status", "--porcelain", "--", *folders))
    except (OSError, subprocess.SubprocessError):
        return None, None
