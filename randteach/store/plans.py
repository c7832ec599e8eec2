"""Plans as a store keeps them: which jobs a study consists of, and which start ran them last.

studies/NAME/DIGEST.json   a plan: settings, and each job's kind, key, steps, parents and labels
studies/NAME/runs/N.json   a start: the plan's digest and the command; the highest N is the last one

A plan that is damaged, or that a newer version wrote, is left out and told; what it needs is not known.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import PurePath
from typing import Any

from randteach import identity, storage
from randteach.environment import code
from randteach.errors import Unreadable, UserError
from randteach.identity import names, plain
from randteach.jobs import recorded
from randteach.jobs.job import Entry
from randteach.jobs.study import LABELS, Plan
from randteach.store.store import Store

PLAN = re.compile(rf"([^/]+)/{names.PLAN}\.json")
START = re.compile(r"([0-9]{6,18})\.json")
MOST = 1 << 30  # bytes of a plan


Told = Callable[[Unreadable], None]


def passed_over(trouble: Unreadable) -> None:
    """Pass over a plan that can't be read, if it doesn't matter."""


def record(store: Store, plan: Plan, question: str, about: Mapping[str, Any]) -> code.Start:
    """Record a plan, and that it is run now."""
    return keep(store, plan.study, json.dumps(recorded.project(plan, question)).encode(), about)


def keep(store: Store, study: str, content: bytes, about: Mapping[str, Any]) -> code.Start:
    """Record a plan's text as the one that the study runs now, and with which code.

    One that is damaged is set aside for it.
    """
    digest = identity.digest(content.decode(), 16)
    path = f"studies/{study}/{digest}.json"
    try:
        store.storage.create(path, content)
    except FileExistsError:
        try:
            _read(store, path)
        except Unreadable:
            set_aside(store, path)
            with suppress(FileExistsError):
                store.storage.create(path, content)
    while True:
        number = max(_starts(store, study), default=0) + 1
        start = code.started(f"{study}/{number:06d}")
        about = {"plan": digest, **about, **vars(start)}
        with suppress(FileExistsError):
            store.storage.create(f"studies/{study}/runs/{number:06d}.json", json.dumps(about).encode())
            return start


def set_aside(store: Store, path: str) -> None:
    """Take a damaged plan away."""
    with suppress(FileNotFoundError):
        name = f"{PurePath(path).parent.name}-{PurePath(path).stem}-{secrets.token_hex(4)}.json"
        store.storage.move(path, f"aside/plans/{name}")


def every_file(store: Store, told: Told = passed_over) -> dict[str, list[str]]:
    """All plans by study, by one listing."""

    def unread(folder: str, error: OSError) -> None:
        if not isinstance(error, NotADirectoryError):  # a file of somebody else's
            told(Unreadable(f"{store.storage.where(folder)}: can't be read ({error.strerror})"))

    found: dict[str, list[str]] = {}
    for path in sorted(store.storage.walk("studies", 2, unread)):
        if (match := PLAN.fullmatch(path)) and names.is_study(match[1]):
            found.setdefault(match[1], []).append(f"studies/{path}")
    return found


def studies(store: Store) -> list[str]:
    """Names of all studies that a store has plans of."""
    return list(every_file(store))


def files(store: Store, name: str) -> list[str]:
    """All plans of a study; UserError where there is no such study."""
    found = every_file(store)
    if name not in found:
        raise UserError(f"{store.address} has no study {name!r}; it has {', '.join(found) or 'none'}")
    return found[name]


def readable(store: Store, name: str) -> list[str]:
    """The plans of a study that can be read."""
    found = []
    for path in files(store, name):
        with suppress(Unreadable):
            check(store, path)
            found.append(path)
    return found


def last(store: Store, name: str, told: Told = passed_over) -> dict[str, Any]:
    """The plan that a study ran last, of those that can be read; UserError where none can."""
    return _last(store, name, told)[1][0]


def whole(store: Store, name: str) -> tuple[dict[str, Any], list[Entry]]:
    """The plan that a study ran last, of those that can be read, and its jobs."""
    return _last(store, name, passed_over)[1]


def last_start(store: Store, name: str) -> dict[str, Any]:
    """The last start of the plan that a study ran last; nothing where none is on record."""
    wanted = PurePath(last_file(store, name)).stem
    for number in sorted(_starts(store, name), reverse=True):
        start = storage.read_json(store.storage, f"studies/{name}/runs/{number:06d}.json") or {}
        if start.get("plan") == wanted:
            return start
    return {}


def last_file(store: Store, name: str) -> str:
    """The file of the plan that a study ran last, of those that can be read."""
    return _last(store, name, passed_over)[0]


def _last(store: Store, name: str, told: Told) -> tuple[str, tuple[dict[str, Any], list[Entry]]]:
    trouble = None
    for path in _newest_first(store, name):
        try:
            return path, _labelled(store, path)
        except Unreadable as error:
            trouble = trouble or error
            told(error)
    raise trouble or UserError(f"{store.address}: has no plan of {name}; run it again")


def _newest_first(store: Store, name: str) -> Iterator[str]:
    there = set(files(store, name))
    for number in sorted(_starts(store, name), reverse=True):
        start = storage.read_json(store.storage, f"studies/{name}/runs/{number:06d}.json") or {}
        if (path := f"studies/{name}/{start.get('plan')}.json") in there:
            there.remove(path)
            yield path
    yield from sorted(there, key=store.storage.changed, reverse=True)  # written before starts were


def _starts(store: Store, study: str) -> list[int]:
    found = store.storage.names(f"studies/{study}/runs")
    return [int(match[1]) for name in found if (match := START.fullmatch(name))]


def entries(store: Store, name: str, told: Told = passed_over) -> list[Entry]:
    """The jobs of the plan that a study ran last."""
    return _last(store, name, told)[1][1]


def every_entry(store: Store, name: str | None = None, told: Told = passed_over) -> dict[str, Entry]:
    """Jobs by key of all plans of a study, or of all studies; their steps and parents united."""
    found: dict[str, Entry] = {}
    for path in files(store, name) if name else chain(*every_file(store, told).values()):
        try:
            _, jobs = _labelled(store, path)
        except Unreadable as trouble:
            told(trouble)
            continue
        for entry in jobs:
            have = found.get(entry.key)
            if have:
                steps, states = {**have.steps, **entry.steps}, have.states | entry.states
                entry = replace(entry, steps=steps, states=states)
            found[entry.key] = entry
    return found


def check(store: Store, path: str) -> None:
    """Unreadable where a file is no plan, is not what was written, or is a newer version's."""
    _read(store, path)


def _labelled(store: Store, path: str) -> tuple[dict[str, Any], list[Entry]]:
    """A plan, and its jobs, with today's labels."""
    from randteach.store import relabel  # which looks records up, as plans are looked up

    content, jobs = _read(store, path)
    if content.get("labels", 1) < LABELS:
        try:
            jobs = relabel.relabelled(store, content.get("settings", {}), jobs)
        except (LookupError, TypeError, ValueError, AttributeError):
            raise _unknown(store, path, newer=False) from None
        content = {**content, "jobs": [job.as_json() for job in jobs]}
    return content, jobs


def _read(store: Store, path: str) -> tuple[dict[str, Any], list[Entry]]:
    """A plan, and its jobs; Unreadable where it is damaged or newer."""
    where = store.storage.where(path)
    try:
        text = store.storage.read(path, MOST)
        content = plain.record(text)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and not storage.broken(error):
            raise
        why = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise Unreadable(f"{where}: is no plan, or damaged{why}; delete it and run its study again") from None
    # Older plans, without a question, have names that are no digest of their text.
    if "question" in content and identity.digest(text.decode(), 16) != PurePath(path).stem:
        raise Unreadable(f"{where}: is no plan, or damaged; delete it and run its study again")
    try:
        return content, recorded.jobs_of(content, PurePath(path).parent.name)
    except ValueError:
        raise _unknown(store, path, newer="question" in content) from None  # it is what was written


def _unknown(store: Store, path: str, newer: bool) -> Unreadable:
    return Unreadable(f"{store.storage.where(path)}: is no plan that this version knows; update it", newer)
