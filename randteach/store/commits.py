"""The commit of an artifact: a small JSON file that names its files, and carries a checksum of itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from randteach.identity import names, plain
from randteach.identity.artifact import Artifact

SEAL = b', "check": "'
MOST = 1 << 20  # bytes of a commit
LONGEST = 100  # characters of a status


@dataclass(frozen=True)
class Commit:
    """A committed artifact: how its making ended, its files, and what making it cost."""

    artifact: Artifact
    attempt: str
    status: str
    files: Mapping[str, Mapping[str, Any]]
    seconds: float
    numerics: str
    size: int = field(default=0)
    revision: int | None = None  # of its kind; older commits do not say it
    text: bytes = field(default=b"", compare=False, repr=False)  # the file that it was read from


def sealed(commit: Mapping[str, Any]) -> bytes:
    """A commit's text, with its own checksum at the end."""
    text = json.dumps(commit).encode()
    return text[:-1] + SEAL + _check(text) + b'"}'


def unsealed(text: bytes, *, finite: bool = True) -> dict[str, Any]:
    """The content; ValueError where it is not what was written. Old ones have no checksum."""
    head, seal, check = text.rpartition(SEAL)
    if seal and check != _check(head + b"}") + b'"}':
        raise ValueError("its checksum is another one")
    content = plain.record(text, finite=finite)
    content.pop("check", None)
    return content


def read(artifact: Artifact, text: bytes) -> Commit:
    """An artifact's commit; ValueError where anything in it is not as it is written."""
    content = unsealed(text)
    good = names.fits(names.ATTEMPT, content.get("attempt"))
    good = good and all(isinstance(content.get(name), str) for name in ("status", "numerics"))
    good = good and max(len(content["status"]), len(content["numerics"])) <= LONGEST
    good = good and plain.is_time(content.get("seconds")) and plain.is_count(content.get("size", 0))
    good = good and isinstance(content.get("files"), dict)
    good = good and ("revision" not in content or plain.is_count(content["revision"]))
    if not (good and all(_is_file(name, about) for name, about in content["files"].items())):
        raise ValueError("is no commit")
    known = {item.name for item in fields(Commit)} - {"artifact", "text"}
    if SEAL not in text and not content.keys() <= known:  # the seal itself was altered
        raise ValueError("is no commit")
    return Commit(artifact, text=text, **{name: content[name] for name in known & content.keys()})


def _is_file(name: str, about: object) -> bool:
    """Whether a commit's file has a name, a size and a checksum."""
    return (
        names.fits(names.FILE, name)
        and isinstance(about, dict)
        and plain.is_count(about.get("size"))
        and names.fits(names.SHA256, about.get("sha256"))
    )


def _check(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()
