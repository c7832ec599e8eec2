"""What happens to jobs, as the engine tells it: a record an event, matched by its type."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args


@dataclass(frozen=True)
class Began:
    """A job runs now."""

    key: str


@dataclass(frozen=True)
class Placed:
    """A Ray node has the job."""

    key: str
    node: str


@dataclass(frozen=True)
class Reported:
    """A metric row, live."""

    key: str
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Committed:
    """A result is in the store; its step, where it has one."""

    key: str
    step: int | None


@dataclass(frozen=True)
class FoundDamaged:
    """An artifact was not what had been written, and has been set aside."""

    key: str
    what: str


@dataclass(frozen=True)
class Returned:
    """A worker's last word on a job that it has not made: how that ended, and its error."""

    key: str
    outcome: str
    error: str


@dataclass(frozen=True)
class Waiting:
    """What a ready job waits for; nothing: it waits no more."""

    key: str
    why: str


@dataclass(frozen=True)
class Again:
    """A job is to be tried once more: its worker "died", its "node" went, or it "failed"."""

    key: str
    why: str


@dataclass(frozen=True)
class Refused:
    """A node can take no jobs, and so the sweep ends."""

    key: str
    why: str


@dataclass(frozen=True)
class Halted:
    """A job was stopped before it was made."""

    key: str


@dataclass(frozen=True)
class Ended:
    """A job has ended for good; `theirs`: another sweep has made it."""

    key: str
    status: str
    error: str = ""
    theirs: bool = False


Event = (
    Began
    | Placed
    | Reported
    | Committed
    | FoundDamaged
    | Returned
    | Waiting
    | Again
    | Refused
    | Halted
    | Ended
)
_TYPES = {kind.__name__: kind for kind in get_args(Event)}


def dumps(events: Iterable[Event]) -> str:
    """Events as JSON, as workers send them."""
    return json.dumps([[type(event).__name__, vars(event)] for event in events])


def loads(text: str) -> list[Event]:
    """The events that `dumps` wrote; KeyError or TypeError for anything else."""
    return [_TYPES[name](**about) for name, about in json.loads(text)]
