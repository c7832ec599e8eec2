"""What the files of an artifact hold, checked by form: rows, config and provenance."""

from collections.abc import Callable
from typing import Any

from randteach.identity import plain

Rows = list[dict[str, Any]]
RECORD = ("config.json", "metrics.jsonl", "provenance.json")  # what every result has
NAMED = {"split", "bn"}  # columns of words; all others are of numbers
LONGEST = 100  # characters of a column's name, and of a word


def rows(content: bytes) -> Rows:
    """Metric rows; ValueError where a line is no row of numbers."""
    found = [plain.record(line) for line in content.splitlines()]
    for row in found:
        for name, value in row.items():
            if len(name) > LONGEST or not (_is_word(value) if name in NAMED else _is_measure(name, value)):
                raise ValueError(f"{name[:LONGEST]!r} of a row is no number")
    return found


def provenance(content: bytes) -> dict[str, Any]:
    """How an artifact was made; ValueError where its times or its log are none."""
    found = plain.record(content)
    if not all(plain.is_time(found.get(name, 0.0)) for name in ("began", "seconds")):
        raise ValueError("its times are none")
    if not is_lines(found.get("log", [])):
        raise ValueError("its log is no list of lines")
    return {"began": 0.0, "seconds": 0.0} | found


def is_lines(value: object) -> bool:
    """Whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


OBJECTS: dict[str, Callable[[bytes], dict[str, Any]]] = {"config": plain.record, "provenance": provenance}
READ: dict[str, Callable[[bytes], object]] = {"metrics.jsonl": rows, "provenance.json": provenance}


def _is_word(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST


def _is_measure(name: str, value: object) -> bool:
    """Whether a row's value is one; steps are whole, and what is not finite is stored as null."""
    if name == "step":
        return plain.is_count(value)
    return isinstance(value, bool) or plain.is_number(value) or (value is None and name not in ("gamma", "x"))
