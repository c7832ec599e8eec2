"""The command line's `name=value` pairs, and a preset's, as typed axes; commas sweep."""

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from randteach.config import reading
from randteach.config.schema import Config, settings
from randteach.config.setting import Setting
from randteach.errors import UserError


@dataclass(frozen=True)
class Axes:
    """Values by setting, and which settings the user typed (a preset's sizes are ceilings)."""

    values: Mapping[str, tuple[Any, ...]]
    typed: frozenset[str]

    @property
    def swept(self) -> tuple[str, ...]:
        """Settings with more than one value, in the order in which they were given."""
        return tuple(name for name, values in self.values.items() if len(values) > 1)

    def points(self) -> Iterator[Config]:
        """The product of all axes, the last one running fastest."""
        fixed = {name: values[0] for name, values in self.values.items() if len(values) == 1}
        base, swept = with_values(Config(), fixed), self.swept
        for values in itertools.product(*(self.values[name] for name in swept)):
            yield with_values(base, dict(zip(swept, values, strict=True)))


def parse(preset: Mapping[str, str], pairs: Sequence[str]) -> Axes:
    """Merge a preset with what was typed; UserError says what was meant instead."""
    known, typed = settings(), {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UserError(f"{pair!r}: settings are given as name=value, e.g. alpha=1e-10,0.5,1")
        if name not in known:
            raise UserError(_unknown(name, known, preset))
        typed[name] = value
    merged = dict(preset)
    for one, other in (("distill.steps", "distill.epochs"), ("distill.epochs", "distill.steps")):
        if typed.get(one, "null") != "null" and other not in typed:
            merged.pop(other, None)
    merged |= typed
    return Axes({name: _axis(known[name], text) for name, text in merged.items()}, frozenset(typed))


def with_values(record: Any, values: Mapping[str, Any]) -> Any:
    """A copy of a record with some dotted settings replaced."""
    own: dict[str, Any] = {}
    for item in fields(record):
        if item.name in values:
            own[item.name] = values[item.name]
        elif is_dataclass(getattr(record, item.name)):
            prefix = item.name + "."
            inner = {n[len(prefix) :]: v for n, v in values.items() if n.startswith(prefix)}
            if inner:
                own[item.name] = with_values(getattr(record, item.name), inner)
    return replace(record, **own)


def _axis(item: Setting, text: str) -> tuple[Any, ...]:
    parts = reading.axis(item, text)
    if len(parts) > 1 and not item.key:
        raise UserError(
            f"{item.name}={text}: can't be swept, since it isn't part of a result's identity; "
            + (
                "give the largest value, and look at earlier epochs with probe.at=[...]"
                if item.name.startswith("distill.")
                else "give one value"
                + (", a list in square brackets" if item.type.startswith("list") else "")
                + (", a comma of its own in quotes" if item.type.startswith("str") else "")
            )
        )
    values = [_typed(item, part) for part in parts]
    return tuple({repr(value): value for value in values}.values())


def _typed(item: Setting, text: str) -> Any:
    value = reading.value(item, text)
    OmegaConf.update(_schema(), item.name, value, merge=False)
    return value


@cache
def _schema() -> DictConfig:
    """The records as OmegaConf checks them; one for all values, since making it takes milliseconds."""
    return OmegaConf.structured(Config)


def _unknown(name: str, known: Mapping[str, Setting], preset: Mapping[str, str]) -> str:
    """All settings of the name that will have been meant, first those that the sweep itself sets."""
    own = {section_of(full) for full in preset}
    ranked = sorted(known, key=lambda full: (full not in preset, section_of(full) not in own))
    leaves: dict[str, list[str]] = {}
    for full in ranked:
        leaves.setdefault(full.rpartition(".")[2], []).append(full)
    near = leaves.get(name, []) or difflib.get_close_matches(name, ranked, 1, 0.6)
    if not near:
        leaf = name.rpartition(".")[2]
        near = [full for one in difflib.get_close_matches(leaf, leaves, 1, 0.7) for full in leaves[one]]
    *others, last = near or [""]
    meant = f"{', '.join(others)} or {last}" if others else last
    hint = f"did you mean {meant}?" if near else "`randteach settings` lists all of them"
    return f"{name}: no such setting; {hint}"


def section_of(name: str) -> str:
    """What stands before a setting's own name."""
    return name.rpartition(".")[0]
