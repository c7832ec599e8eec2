"""The command line's `name=value` pairs, and a preset's, as typed axes; commas sweep, colons tie."""

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from randteach.config import reading
from randteach.config.presets import TIE, Preset, texts
from randteach.config.schema import Config, settings
from randteach.config.setting import Setting
from randteach.errors import UserError


@dataclass(frozen=True)
class Axes:
    """Values by setting, and which settings the user typed (a preset's sizes are ceilings).

    Settings that are `tied` have one axis: their values are taken together, the first ones, the second ones.
    """

    values: Mapping[str, tuple[Any, ...]]
    typed: frozenset[str]
    tied: tuple[tuple[str, ...], ...] = ()

    @property
    def swept(self) -> tuple[str, ...]:
        """Settings with more than one value, in the order in which they were given."""
        return tuple(name for name, values in self.values.items() if len(values) > 1)

    def points(self) -> Iterator[Config]:
        """The product of all axes, the last one running fastest."""
        fixed = {name: values[0] for name, values in self.values.items() if len(values) == 1}
        base, axes = with_values(Config(), fixed), list(self._axes())
        for parts in itertools.product(*(range(len(self.values[names[0]])) for names in axes)):
            at = zip(axes, parts, strict=True)
            yield with_values(base, {name: self.values[name][part] for names, part in at for name in names})

    def _axes(self) -> Iterator[tuple[str, ...]]:
        """The settings of each axis, where its first one was given."""
        groups = {name: group for group in self.tied for name in group}
        for name in self.swept:
            group = groups.get(name, (name,))
            if name == next(one for one in group if one in self.swept):
                yield tuple(one for one in group if one in self.swept)


def parse(preset: Preset, pairs: Sequence[str]) -> Axes:
    """Merge a preset with what was typed; UserError says what was meant instead."""
    known, typed = settings(), dict[str, str]()
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UserError(f"{pair!r}: settings are given as name=value, e.g. alpha=1e-10,0.5,1")
        for one in name.split(TIE):
            if one not in known:
                raise UserError(_unknown(one, known, {one: "" for key in preset for one in key.split(TIE)}))
        typed[name] = value
    merged = texts(preset)
    for one, other in (("distill.steps", "distill.epochs"), ("distill.epochs", "distill.steps")):
        if typed.get(one, "null") != "null" and other not in typed:
            merged.pop(other, None)
    _untie(merged, typed)
    merged |= typed
    values, tied = dict[str, tuple[Any, ...]](), list[tuple[str, ...]]()
    for name, text in merged.items():
        names = tuple(name.split(TIE))
        if twice := next((one for one in names if one in values or names.count(one) > 1), None):
            raise UserError(f"{name}={text}: {twice} is given twice; leave one of them out")
        values |= _tied(names, text) if len(names) > 1 else {name: _axis(known[name], text)}
        tied += [names] if len(names) > 1 else []
    named = frozenset(one for name in typed for one in name.split(TIE))
    return Axes(values, named, tuple(tied))


def _untie(merged: dict[str, str], typed: Mapping[str, str]) -> None:
    """Leave out what is typed otherwise; UserError where only a part of a tied axis is."""
    named = {one for name in typed for one in name.split(TIE)}
    for name in [name for name in merged if name not in typed]:
        names = set(name.split(TIE))
        if names & named:
            if left := sorted(names - named):
                raise UserError(
                    f"{sorted(names & named)[0]}: goes together with {', '.join(left)} in the preset; "
                    f"type both, as in {name}={merged[name].partition(',')[0]}"
                )
            del merged[name]


def _tied(names: tuple[str, ...], text: str) -> dict[str, tuple[Any, ...]]:
    """The values of settings that have one axis, as in net.arch:data.size=resnet18:16,vgg11:32."""
    known, rows = settings(), dict[str, tuple[Any, ...]]()
    for part in reading.split(text):
        cells = reading.split(part, TIE)
        if len(cells) != len(names):
            example = TIE.join(f"<{name}>" for name in names)
            raise UserError(f"{TIE.join(names)}={part}: takes {len(names)} values a point: {example}")
        for name, cell in zip(names, cells, strict=True):
            _check_swept(known[name], cell, 2)
        row = tuple(_typed(known[name], cell) for name, cell in zip(names, cells, strict=True))
        rows[repr(row)] = row
    return {name: tuple(row[at] for row in rows.values()) for at, name in enumerate(names)}


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
    _check_swept(item, text, len(parts))
    values = [_typed(item, part) for part in parts]
    return tuple({repr(value): value for value in values}.values())


def _check_swept(item: Setting, text: str, count: int) -> None:
    if count > 1 and not item.key:
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
