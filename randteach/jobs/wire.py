"""Jobs as JSON, as workers get them: records, without classes or code."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from randteach.config.schema import Slot
from randteach.identity.artifact import Artifact
from randteach.jobs.about import About
from randteach.jobs.job import Job
from randteach.kinds import KINDS
from randteach.specs import Bare
from randteach.stages.measures import MEASURES


def dumps(job: Job) -> str:
    """A job as JSON; TypeError where its record holds what JSON does not."""
    content = {
        "kind": job.kind,
        "spec": _plain(job.spec),
        "steps": list(job.steps.items()),
        "parents": [[parent.kind, parent.key, parent.step] for parent in job.parents],
        "slot": _plain(job.slot),
        "rank": job.rank,
        "labels": dict(job.labels),
        "states": sorted(job.states),
        "about": job.about and job.about.as_json(),
    }
    return json.dumps(content, allow_nan=False)


def loads(text: str) -> Job:
    """The job that `dumps` wrote, with the same key; UserError for a kind that is not declared here.

    Raises ValueError for a record that is not its kind's.
    """
    found = json.loads(text)
    return Job(
        kind=found["kind"],
        spec=_value(KINDS.find(found["kind"]).spec, found["spec"]),
        steps=dict(found["steps"]),
        parents=tuple(Artifact(*parent) for parent in found["parents"]),
        slot=_value(Slot, found["slot"]),
        rank=tuple(found["rank"]),
        labels=found["labels"],
        states=frozenset(found["states"]),
        about=found["about"] and About.from_json(found["about"]),
    )


def _plain(value: Any) -> Any:
    """A record as plain data: its fields by name, and its tag where it has one."""
    if is_dataclass(value) and not isinstance(value, type):
        tag = getattr(value, "tag", None)
        named = {item.name: _plain(getattr(value, item.name)) for item in fields(value) if item.init}
        return ({"is": tag} if tag else {}) | named
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _value(hint: Any, plain: Any) -> Any:
    """Plain data as a value of a type; numbers stay as they are, since a key tells 1 from 1.0."""
    if hint is Any:  # the parameters of a measure
        return _record(_parameters(plain), plain)
    if is_dataclass(hint) and isinstance(hint, type):
        return _record(hint, plain)
    if get_origin(hint) in (Union, UnionType):
        return _member(get_args(hint), plain)
    if get_origin(hint) in (list, tuple):
        kinds = get_args(hint)
        if len(kinds) == 2 and kinds[1] is not Ellipsis:
            return tuple(_value(kind, item) for kind, item in zip(kinds, plain, strict=True))
        return get_origin(hint)(_value(kinds[0], item) for item in plain)
    if not isinstance(plain, (int, float) if hint is float else hint):
        raise ValueError(f"{plain!r} is no {hint.__name__}")
    return plain


def _parameters(plain: Mapping[str, Any]) -> type:
    """The type of a measure's parameters; UserError for a measure that is not declared here."""
    if plain["is"] == Bare.tag:
        return Bare
    return type(MEASURES.find(plain["is"]).record)


def _record(kind: type, plain: Mapping[str, Any]) -> Any:
    hints = _hints(kind)
    named = {name: value for name, value in plain.items() if name != "is"}
    if plain.get("is") != getattr(kind, "tag", None) or not named.keys() <= hints.keys():
        raise ValueError(f"{sorted(plain)} are no fields of {kind.__name__}")
    return kind(**{name: _value(hints[name], value) for name, value in named.items()})


def _member(kinds: tuple[Any, ...], plain: Any) -> Any:
    """A value of one of several types: None, a record with its tag, or the one other type."""
    if plain is None and NoneType in kinds:
        return None
    found = [kind for kind in kinds if kind is not NoneType]
    if len(found) > 1:
        tag = plain.get("is") if isinstance(plain, dict) else None
        found = [kind for kind in found if getattr(kind, "tag", None) == tag]
    if len(found) != 1:
        raise ValueError(f"{plain!r} is none of {', '.join(str(kind) for kind in kinds)}")
    return _value(found[0], plain)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
