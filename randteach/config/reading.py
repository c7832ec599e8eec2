"""A setting's value from its text, by its declared type: what isn't plainly such a value is refused.

No YAML: that reads 010 as 8, 1:30 as 90, 2024_01 as 202401 and no as false.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise, takewhile
from types import MappingProxyType
from typing import Any

from randteach.config.setting import Setting
from randteach.errors import Misread, UserError

WHOLE = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
PADDED = re.compile(r"[+-]?0+[0-9]")
BASES = {"0x": 16, "0o": 8, "0b": 2}
INT_MAX = 2**63 - 1  # what a column of the table holds
SHOWN = 60  # characters of a text, in messages


def value(item: Setting, text: str) -> Any:
    """The value that a setting is given; UserError where the text is none of its type."""
    kind, _, null = item.type.partition(" | ")
    if null and text == "null":
        return None
    inner = kind.removeprefix("list[").removesuffix("]")
    given = f"{item.name}={text if len(text) <= SHOWN else text[:SHOWN] + '...'}"
    try:
        one = READERS[inner]
        return one(_bare(text)) if inner == kind else [one(_bare(part)) for part in _parts(text)]
    except OverflowError as error:
        beside = f", {error}" if str(error) and item.high is None and item.below is None else ""
        raise UserError(f"{given}: allowed are {item.allowed}{beside}") from None
    except Misread as error:
        hint = str(error)
        if inner == kind and text.startswith("["):
            hint = f"axes are written with commas, without brackets: {item.name}={text.strip('[]')}"
        raise UserError(f"{given}: takes a value of type {item.type}{hint and f'; {hint}'}") from None


def axis(item: Setting, text: str) -> list[str]:
    """The texts of a setting's values, between commas; UserError where one is missing."""
    parts = split(text)
    if "" in parts:
        raise UserError(f"{item.name}={text}: a value is missing beside a comma or behind the '='")
    try:
        _check_commas(parts)
    except Misread as error:
        raise UserError(f"{item.name}={text}: {error}") from None
    return [text] if len(parts) == 1 and item.type.startswith("str") else parts  # a text is as it is typed


def whole(text: str) -> int:
    """A whole number; Misread for anything else, OverflowError for one that no table could hold."""
    if not WHOLE.fullmatch(text):
        raise Misread(_meant(text))
    _check_padding(text)
    if len(text) > 20 or abs(int(text)) > INT_MAX:
        raise OverflowError  # the bounds of whole numbers are told of each setting
    return int(text)


def decimal(text: str) -> float:
    """A number; Misread for anything else, OverflowError for one that no float is near to."""
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity", ".nan", ".inf"):
        raise OverflowError("finite ones")
    if not DECIMAL.fullmatch(text):
        raise Misread(_meant(text))
    _check_padding(text)
    number = float(text) + 0.0  # -0.0 is 0
    if math.isinf(number):
        raise OverflowError("finite ones")
    if not number and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise Misread("it is too small for one, and would be read as 0")
    return number


def words(text: str) -> str:
    """A text as it is typed."""
    if not text or text == "???" or "${" in text:
        raise Misread("a value is meant, no placeholder and no reference" if text else "it is empty")
    return text


def flag(text: str) -> bool:
    """True or false, in upper or lower case."""
    if text.lower() not in ("true", "false"):
        raise Misread("write true or false")
    return text.lower() == "true"


READERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {"int": whole, "float": decimal, "str": words, "bool": flag}
)


def split(text: str, between: str = ",") -> list[str]:
    """Parts between commas, or another sign, that stand outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[{(":
            depth += 1
        elif char in "]})":
            depth -= 1
        if char == between and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def _bare(text: str) -> str:
    """A text without the quotes that stand around all of it."""
    quoted = len(text) > 1 and text[0] in "'\"" and text.find(text[0], 1) == len(text) - 1
    return text[1:-1] if quoted else text


def _parts(text: str) -> list[str]:
    """The parts of a list in square brackets."""
    if not text.startswith("["):
        raise Misread(f"a list stands in square brackets: [{text}]")
    if not text.endswith("]") or len(text) == 1:
        raise Misread("the list's ']' is missing")
    if not text[1:-1].strip():
        return []
    parts = split(text[1:-1])
    if "" in parts:
        raise Misread("a value is missing beside a comma")
    _check_commas(parts)
    return parts


def _check_commas(parts: Sequence[str]) -> None:
    """Refuse a comma that will have been meant to group digits, or as a decimal point: 1,000 or 0,001."""
    for at, (one, other) in enumerate(pairwise(parts), 2):
        if WHOLE.fullmatch(one) and PADDED.match(other) and other.isdecimal():
            more = "".join(takewhile(re.compile("[0-9]{3}").fullmatch, parts[at:]))  # of 1,000,000
            point = not int(one[-1]) and len(one.lstrip("+-")) == 1
            meant = f"{one}.{other}" if point else f"{one}{other}{more}"
            raise Misread(f"a comma separates values, and {other} is no number; write {meant} without it")


def _check_padding(text: str) -> None:
    if PADDED.match(text):
        raise Misread(f"numbers are decimal, without leading zeros: write {_plain(text)}")


def _plain(text: str) -> str:
    """A number without its leading zeros."""
    sign = text[:1] if text[:1] in "+-" else ""
    rest = text.removeprefix(sign).lstrip("0")
    return sign + (rest if rest[:1].isdigit() else f"0{rest}")


def _meant(text: str) -> str:
    """What somebody who typed this instead of a number will have meant."""
    bare = text.lstrip("+-")
    if base := BASES.get(bare[:2].lower()):
        with suppress(ValueError):
            return f"numbers are decimal: write {int(bare[2:18], base)}"
    if "_" in bare and re.fullmatch(r"[0-9_.eE+-]+", bare):
        return f"digits are not grouped: write {_plain(text.replace('_', ''))}"
    if re.fullmatch("[0-9]{1,9}:[0-9:.]{1,9}", bare):
        return "numbers are decimal, without a colon; the values of a list are separated by commas"
    if any(char.isdecimal() and not char.isascii() for char in bare):
        plain = "".join(str(unicodedata.decimal(char, char)) for char in text)
        return f"digits are those from 0 to 9: write {plain}"
    if DECIMAL.fullmatch(text) and abs(number := float(text)) < INT_MAX and number.is_integer():
        return f"write {int(number)}"
    return ""
