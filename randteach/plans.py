"""Plans as a store keeps them: which jobs a study consists of, and which start ran them last.

studies/NAME/DIGEST.json   a plan: settings, and each job's kind, key, steps, parents and labels
studies/NAME/runs/N.json   a start: the plan's digest and the command; the highest N is the last one
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from randteach import code, identity
from randteach.jobs import Entry
from randteach.setting import UserError
from randteach.storage import read_json
from randteach.store import Store
from randteach.study import Plan


def project(plan: Plan, question: str) -> dict[str, Any]:
    """A plan as it is recorded."""
    jobs = [job.entry.as_json() for job in plan.jobs]
    return {"study": plan.study, "question": question, "settings": dict(plan.settings), "jobs": jobs}


def record(store: Store, plan: Plan, question: str, about: Mapping[str, Any]) -> code.Start:
    """Keep a plan, and that it is run now."""
    return keep(store, plan.study, json.dumps(project(plan, question)).encode(), about)


def keep(store: Store, study: str, content: bytes, about: Mapping[str, Any]) -> code.Start:
    """Keep a plan's text as the one that the study has run last, and by which code."""
    folder, digest = f"studies/{study}", identity.digest(content.decode(), 16)
    with suppress(FileExistsError):
        store.storage.create(f"{folder}/{digest}.json", content)
    while True:
        number = int(PurePath(max(store.storage.names(f"{folder}/runs"), default="0")).stem) + 1
        start = code.started(f"{study}/{number:06d}")
        content = json.dumps({"plan": digest, **about, **vars(start)}).encode()
        with suppress(FileExistsError):
            store.storage.create(f"{folder}/runs/{number:06d}.json", content)
            return start


def studies(store: Store) -> list[str]:
    """Names of all studies that a store has plans of."""
    return store.storage.names("studies")


def last(store: Store, name: str) -> dict[str, Any]:
    """The plan that a study ran last; UserError where there is none, or none that can be read."""
    return _read(store, last_file(store, name))


def last_file(store: Store, name: str) -> str:
    """The file of the plan that a study ran last."""
    folder = _folder(store, name)
    starts = store.storage.names(f"{folder}/runs")
    if starts:
        start = read_json(store.storage, f"{folder}/runs/{starts[-1]}") or {}
        return f"{folder}/{start.get('plan')}.json"
    # Written before starts were.
    return max(files(store, name), key=store.storage.changed, default=f"{folder}/none.json")


def entries(store: Store, name: str) -> list[Entry]:
    """The jobs of the plan that a study ran last."""
    return [Entry.from_json(item) for item in last(store, name)["jobs"]]


def files(store: Store, name: str) -> list[str]:
    """All plans of a study."""
    folder = _folder(store, name)
    return [f"{folder}/{file}" for file in store.storage.names(folder) if file.endswith(".json")]


def every_entry(store: Store, name: str | None = None) -> dict[str, Entry]:
    """Jobs by key of all plans of a study, or of all studies; their steps and parents united."""
    found: dict[str, Entry] = {}
    for study in [name] if name else studies(store):
        for path in files(store, study):
            for item in _read(store, path)["jobs"]:
                entry = Entry.from_json(item)
                have = found.get(entry.key)
                if have:
                    steps, states = {**have.steps, **entry.steps}, have.states | entry.states
                    entry = replace(entry, steps=steps, states=states)
                found[entry.key] = entry
    return found


def check(store: Store, path: str) -> None:
    """UserError where a file is no plan, or is not what was written."""
    if not is_plan(_read(store, path)):
        raise UserError(f"{store.storage.where(path)}: is no plan; delete the file and run its study again")


def is_plan(content: Mapping[str, Any]) -> bool:
    """Whether all jobs of a plan can be read."""
    try:
        for item in content["jobs"]:
            Entry.from_json(item)
    except (KeyError, TypeError, ValueError):
        return False
    return True


def _folder(store: Store, name: str) -> str:
    """A study's folder; UserError where there is no such study."""
    if name not in studies(store):
        known = ", ".join(studies(store)) or "none"
        raise UserError(f"{store.address} has no study {name!r}; it has {known}")
    return f"studies/{name}"


def _read(store: Store, path: str) -> dict[str, Any]:
    with suppress(FileNotFoundError, ValueError):
        text = store.storage.read(path).decode()
        content = json.loads(text)
        plan = isinstance(content, dict) and "jobs" in content
        # Older plans, without a question, have names that are no digest of their text.
        if plan and ("question" not in content or identity.digest(text, 16) == PurePath(path).stem):
            return dict(content)
    where = store.storage.where(path)
    raise UserError(f"{where}: is no plan, or damaged; delete the file and run its study again")
