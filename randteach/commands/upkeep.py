"""`randteach verify` and `randteach gc`: whether all is whole, and what is there for nothing."""

import time
from collections import defaultdict
from collections.abc import Iterator

from rich.console import Console

from randteach import plans, work
from randteach.estimate import size
from randteach.marker import Damaged
from randteach.session import SILENCE, Sessions, beat
from randteach.setting import UserError
from randteach.store import Store, folder, marker_name, note_name


def verify(store: Store, set_aside: bool, console: Console) -> int:
    """Read every file of every artifact; 1 where something is not what was written."""
    count = damaged = total = 0
    for artifact in store.all():
        count += 1
        try:
            store.verify(artifact)
            total += store.marker(artifact).size
        except KeyError:
            continue  # set aside meanwhile
        except Damaged as damage:
            damaged += 1
            console.print(f"damaged: {damage}", style="red", markup=False, highlight=False, soft_wrap=True)
            if set_aside:
                with store.writing():
                    store.set_aside(damage)
    for path in [path for study in plans.studies(store) for path in plans.files(store, study)]:
        try:
            plans.check(store, path)
        except UserError as error:
            damaged += 1
            console.print(f"damaged: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{count} artifacts, {size(total)} whole, {damaged} damaged", highlight=False)
    if damaged:
        then = "set aside: the next start of their study makes them again"
        console.print(then if set_aside else "`randteach verify --set-aside` has them made again")
    return 1 if damaged else 0


def gc(store: Store, yes: bool, console: Console) -> int:
    """List what no recorded study refers to and what dead writers left, or remove it."""
    sessions = Sessions(store)
    _watch(sessions, beat(store.storage), console)
    found = list(_garbage(store, sessions))
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for what, paths in found:
        sizes[what].append(sum(store.storage.size(path) for path in paths))
    for what, counts in sizes.items():
        console.print(f"{len(counts):6} {what}, {size(sum(counts))}", highlight=False)
    if not found:
        console.print("nothing to remove")
    elif yes:
        with store.writing():
            for _, paths in found:
                for path in paths:  # a commit goes before its files
                    store.storage.remove(path)
        console.print("removed")
    else:
        console.print("nothing removed; `randteach gc --yes` removes it")
    return 0


def _watch(sessions: Sessions, often: float, console: Console) -> None:
    """Look at sessions of other machines until it is clear which of them are dead."""
    if others := sessions.elsewhere():
        console.print(f"watching {len(others)} sweeps of other machines for a minute", highlight=False)
        until = time.monotonic() + SILENCE + often
        while time.monotonic() < until:
            for token in others:
                sessions.alive(token)
            time.sleep(often)


def _garbage(store: Store, sessions: Sessions) -> Iterator[tuple[str, list[str]]]:
    """(what it is, its paths), the ones that make others unreachable first."""
    entries = plans.every_entry(store).values()
    wanted = {artifact for entry in entries for artifact in (*entry.artifacts, *entry.parents)}
    keys = {entry.key for entry in entries}
    made, notes = dict.fromkeys(store.all()), store.notes()
    for artifact in made:
        if artifact not in wanted and not (artifact.kind == "state" and artifact.key in keys):
            noted = [
                note_name(artifact, digest) for digest in notes.get(f"{artifact.kind}/{artifact.name}", ())
            ]
            yield "artifacts of no recorded study", [marker_name(artifact), folder(artifact), *noted]
    for artifact, attempts in store.attempts().items():
        if artifact in wanted or artifact.kind == "state" or artifact not in made:
            for path in store.abandoned(artifact, sessions.alive, attempts):
                yield "attempts that were never committed", [path]
    for path in sorted(store.storage.walk("aside", 2)):
        yield "artifacts that were set aside", [f"aside/{path}"]
    unfinished = {entry.key for entry in entries if not made.keys() >= set(entry.artifacts)}
    for key in store.storage.names("work"):
        if key not in unfinished and not work.claimed(store, key, sessions):
            yield "unfinished attempts with which nobody goes on", [f"work/{key}"]
    for key in work.failures(store):
        if key not in keys:
            yield "failures of jobs of no recorded study", [f"failed/{key}.json"]
    for token in sessions.tokens():
        if not sessions.alive(token):
            yield "sessions of sweeps that died", [f"sessions/{token}"]
