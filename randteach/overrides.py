"""The command line's `name=value` pairs, and a preset's, as typed axes; commas sweep."""

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from randteach.config import Config, settings
from randteach.setting import Setting, UserError


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
            raise UserError(f"{pair!r}: settings are given as name=value, e.g. alpha=0,0.5,1")
        if name not in known:
            raise UserError(_unknown(name, known))
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


def split_commas(text: str) -> list[str]:
    """Parts between commas that stand outside brackets and quotes."""
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
        if char == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def _axis(item: Setting, text: str) -> tuple[Any, ...]:
    parts = split_commas(text)
    if len(parts) > 1 and not item.key:
        raise UserError(
            f"{item.name}={text}: can't be swept, since it isn't part of a result's identity; "
            + (
                "give the largest value, and look at earlier epochs with probe.at=[...]"
                if item.name.startswith("distill.")
                else "give one value"
                + (", a list in square brackets" if item.type.startswith("list") else "")
            )
        )
    if "" in parts:
        raise UserError(f"{item.name}={text}: a value is missing beside a comma or behind the '='")
    values = [_typed(item, part) for part in parts]
    return tuple({repr(value): value for value in values}.values())


def _typed(item: Setting, text: str) -> Any:
    if "???" in text or "${" in text:
        raise UserError(f"{item.name}={text}: takes a value, no reference and no placeholder")
    checked = _schema()
    try:
        given = OmegaConf.select(OmegaConf.from_dotlist([f"{item.name}={text}"]), item.name)
        OmegaConf.update(checked, item.name, given, merge=False)
        value = OmegaConf.select(checked, item.name)
    except (OmegaConfBaseException, yaml.YAMLError):
        raise UserError(f"{item.name}={text}: takes a value of type {item.type}") from None
    return OmegaConf.to_object(value) if OmegaConf.is_config(value) else value


@cache
def _schema() -> DictConfig:
    """The records as OmegaConf checks them; one for all values, since making it takes milliseconds."""
    return OmegaConf.structured(Config)


def _unknown(name: str, known: Mapping[str, Setting]) -> str:
    leaves = {full.rpartition(".")[2]: full for full in known}
    near = difflib.get_close_matches(name, known, 1, 0.6)
    near += [leaves[leaf] for leaf in difflib.get_close_matches(name.rpartition(".")[2], leaves, 1, 0.7)]
    hint = f"did you mean {near[0]}?" if near else "`randteach settings` lists all of them"
    return f"{name}: no such setting; {hint}"
