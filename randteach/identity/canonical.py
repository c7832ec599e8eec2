"""Canonical form and key: what makes two results the same result.

A key is a hash of a job's kind, the kind's revision and the job's record. In the record: data (name
and the pinned checksum of its files), samples, network, draws, seeds, arithmetic, and the keys of
parents. Left out, by `key=False` on a field: device, loader, worker count, host, paths, the length
of a trajectory and the epochs at which it is looked at.

A field that is added later names its frozen `absent` value in its metadata, the value that means
"as before": with it the field is left out, so that no older key changes. It is never today's default.
"""

import hashlib
import json
import math
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

LATEST = 1000  # revisions of a kind that are told from damage
KEY_DIGITS = 24  # 96 bits: a collision among 10^9 results has a chance below 10^-10
NEVER = object()  # equals no value: a field that is always in the key


def canonical(value: Any) -> Any:
    """Plain JSON data with one spelling for each meaning; TypeError or ValueError for anything else."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} has no place in a key")
        return value + 0.0  # -0.0 becomes 0.0
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        tag, kept = layout(type(value))
        record = {"is": tag} if tag else {}
        for name, absent, _ in kept:
            content = getattr(value, name)
            if content != absent:
                record[name] = canonical(content)
        return record
    raise TypeError(f"{type(value).__name__} has no canonical form")


@cache
def layout(record: type) -> tuple[str | None, list[tuple[str, Any, str]]]:
    """A record's tag, and the fields that enter a key: name, absent value, and why a correction set it."""
    kept = [item for item in fields(record) if item.metadata.get("key", True)]
    about = ((item.name, item.metadata.get("absent", NEVER), item.metadata.get("why", "")) for item in kept)
    return getattr(record, "tag", None), list(about)


encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def dumps(value: Any) -> str:
    """The canonical form as text: sorted keys, no spaces, shortest float that reads back the same."""
    return encode(canonical(value))


def digest(text: str, digits: int = KEY_DIGITS) -> str:
    """The first hexadecimal digits of the text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def key(kind: str, revision: int, record: Any) -> str:
    """The key of a job of `kind`: 24 hexadecimal digits."""
    return digest(f"{kind}/{revision}/{dumps(record)}")


def revision(kind: str, config: bytes, key: str) -> int | None:
    """The revision of its kind at which a stored config hashes to the key, a later one than today's too."""
    text = config.decode(errors="replace")
    return next((n for n in range(1, LATEST + 1) if digest(f"{kind}/{n}/{text}") == key), None)
