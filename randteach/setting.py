"""How a setting is declared: its default, what it is about, what it allows, and whether keys hold it."""

import math
from dataclasses import dataclass, field
from typing import Any

from randteach.identity import NEVER

SEED_MAX = 2**63 - 1  # a column of 64-bit integers holds it


class UserError(ValueError):
    """A mistake that the user can mend: shown as one message without traceback, exit code 2."""


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
) -> Any:
    """A documented field; `low` and `high` are inclusive, `below` is not; `key`: does it enter a key.

    A setting that is added later names its frozen `absent` value (see `identity`).
    """
    meta = {"about": about, "choices": choices, "low": low, "high": high, "below": below}
    meta |= {"key": key, "absent": absent}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=meta)
    return field(default=default, metadata=meta)


def seed(default: int | None, about: str) -> Any:
    """A documented seed."""
    return setting(default, about, low=0, high=SEED_MAX)


def chosen(about: str, hint: str) -> Any:
    """Which students get a downstream trial: a list, or all of them."""
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

    def check(self, value: Any) -> None:
        """UserError where one value lies outside what the setting allows."""
        if self.choices and value not in self.choices:
            raise UserError(f"{self.name}={value}: allowed are {', '.join(self.choices)}")
        if isinstance(value, int | float) and not (math.isfinite(value) and self._within(value)):
            raise UserError(f"{self.name}={value}: allowed are {self.allowed}")

    @property
    def allowed(self) -> str:
        """What a number may be, in words."""
        bounds = f"numbers from {self.low:g}"
        bounds += "" if self.high is None else f" to {self.high}"
        return bounds + ("" if self.below is None else f" to below {self.below:g}")

    def _within(self, value: float) -> bool:
        return (
            (self.low is None or self.low <= value)
            and (self.high is None or value <= self.high)
            and (self.below is None or value < self.below)
        )
