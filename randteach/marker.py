"""The commit of an artifact: a small JSON file that names its files, and carries a checksum of itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from randteach.jobs import Artifact

SEAL = b', "check": "'


class Damaged(Exception):
    """A file of an artifact is missing, truncated or altered: it must not be used."""

    def __init__(self, artifact: Artifact, attempt: str, what: str) -> None:
        super().__init__(what)
        self.artifact, self.attempt = artifact, attempt


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


def sealed(marker: Mapping[str, Any]) -> bytes:
    """A marker's text, with its own checksum at the end."""
    text = json.dumps(marker).encode()
    return text[:-1] + SEAL + _check(text) + b'"}'


def unsealed(text: bytes) -> dict[str, Any]:
    """The marker; ValueError where it is not what was written. Old ones have no checksum."""
    head, seal, check = text.rpartition(SEAL)
    if seal and check != _check(head + b"}") + b'"}':
        raise ValueError("its checksum is another one")
    content: dict[str, Any] = json.loads(text)
    content.pop("check", None)
    return content


def _check(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()
