"""Read JSON from stores, exports and data caches, where it may say anything."""

import json
import math
from typing import Any

DEPTH = 32  # levels of lists and objects
DIGITS = 20  # of a whole number: 64 bits have no more


def parsed(text: bytes, *, finite: bool = True) -> Any:
    """JSON's value; ValueError for what is none, nests deeper than 32 levels, or has numbers without end.

    Where it need not be `finite`, NaN and infinities are numbers, too.
    """
    try:
        value = (_STRICT if finite else _LENIENT).decode(text.decode())
    except RecursionError:
        raise ValueError("nests too deeply") from None
    level = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return value
    raise ValueError("nests too deeply")


def record(text: bytes, *, finite: bool = True) -> dict[str, Any]:
    """A JSON object; ValueError for anything else."""
    value = parsed(text, finite=finite)
    if not isinstance(value, dict):
        raise ValueError("is no object")
    return value


def is_number(value: object) -> bool:
    """Whether a value is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: object) -> bool:
    """Whether a value is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_time(value: object) -> bool:
    """Whether a value is a number of seconds, from 0 to those since 1970 of some 3000 years."""
    return is_number(value) and 0 <= value < 1e11  # type: ignore[operator]


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not finite")
    return value


_STRICT = json.JSONDecoder(parse_int=_whole, parse_float=_finite, parse_constant=_finite)
_LENIENT = json.JSONDecoder(parse_int=_whole)
