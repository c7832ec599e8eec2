"""How a setting is declared: its default, what it is about, what it allows, and whether keys hold it."""

import math
from dataclasses import dataclass, field
from typing import Any

from randteach.errors import UserError
from randteach.identity import NEVER

SEED_MAX = 2**32 - 1  # numpy splits larger ones into two words, of which the second takes an epoch's place
WHOLE_MAX = 2**31 - 1  # of other whole numbers: a product of two, as steps are, fits 64 bits


def setting(
    default: Any,
    about: str,
    *,
    choices: tuple[str, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
    below: float | None = None,
    key: bool = True,
    absent: Any = NEVER,
    why: str = "",
) -> Any:
    """A documented field; `low` and `high` are inclusive, `below` is not; `key`: does it enter a key.

    `why` says what the bounds are for, where that is not plain.
    A setting that is added later names its frozen `absent` value (see `identity`).
    """
    meta = {"about": about, "choices": choices, "low": low, "high": high, "below": below}
    meta |= {"key": key, "absent": absent, "why": why}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=meta)
    return field(default=default, metadata=meta)


def seed(default: int | None, about: str) -> Any:
    """A documented seed."""
    return setting(
        default, about, low=0, high=SEED_MAX, why="a larger seed would repeat another one's orders"
    )


def chosen(about: str, hint: str) -> Any:
    """Which students have downstream jobs: a list, or all of them."""
    return setting(None, f"{about} (null: {hint})", low=0, key=False)


@dataclass(frozen=True)
class Setting:
    """A leaf of the records, as the command line and the documentation see it."""

    name: str
    type: str
    default: Any
    about: str
    choices: tuple[str, ...] | None
    low: float | None
    high: float | None
    below: float | None
    key: bool
    absent: Any
    why: str

    def check(self, value: Any) -> None:
        """UserError where one value lies outside what the setting allows."""
        if self.choices and value not in self.choices:
            raise UserError(f"{self.name}={value}: allowed are {', '.join(self.choices)}")
        if isinstance(value, int | float) and not self._within(value):
            raise UserError(f"{self.name}={value}: allowed are {self.allowed}")

    @property
    def allowed(self) -> str:
        """What a number may be, in words."""
        bounds = f"numbers from {self.low:g}"
        bounds += "" if self._high is None else f" to {self._high}"
        bounds += "" if self.below is None else f" to below {self.below:g}"
        return bounds + (f"; {self.why}" if self.why else "")

    @property
    def _high(self) -> float | None:
        return WHOLE_MAX if self.high is None and "int" in self.type else self.high

    def _within(self, value: float) -> bool:
        return (
            abs(value) < math.inf  # a whole number too large for a float is no error here
            and (self.low is None or self.low <= value)
            and (self._high is None or value <= self._high)
            and (self.below is None or value < self.below)
        )
