"""`randteach gc`: find and remove what nothing refers to."""

import time
from collections import defaultdict
from collections.abc import Iterator

from rich.console import Console

from randteach.cli.commands.inventory import left_out
from randteach.cli.estimate import size
from randteach.errors import Unreadable
from randteach.identity.artifact import Artifact
from randteach.store import plans, work
from randteach.store.artifacts import commit_name, folder, note_name
from randteach.store.session import SILENCE, Sessions, heartbeat
from randteach.store.store import Store


def gc(store: Store, yes: bool, console: Console) -> int:
    """List what no recorded study refers to and what dead writers left, or remove it."""
    sessions, unreadable = Sessions(store), list[Unreadable]()
    _watch(sessions, heartbeat(store.storage), console)
    found = list(_garbage(store, sessions, unreadable))
    for trouble in unreadable:
        left_out(console)(trouble)
    if unreadable:
        console.print("what such a plan needs isn't known: artifacts, unfinished attempts and failures stay")
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for what, paths in found:
        sizes[what].append(sum(store.storage.size(path) for path in paths))
    for what, counts in sizes.items():
        console.print(f"{len(counts):6} {what}, {size(sum(counts))}", highlight=False)
    if not found:
        console.print("nothing to remove")
    elif yes:
        _remove(store, sessions, found)
        console.print("removed")
    else:
        console.print("nothing removed; `randteach gc --yes` removes it")
    return 0


def _remove(store: Store, sessions: Sessions, found: list[tuple[str, list[str]]]) -> None:
    """Remove what is still garbage: a study may have started since the search."""
    with store.writing():
        still = {path for _, paths in _garbage(store, sessions, []) for path in paths}
        for _, paths in found:
            for path in paths:  # a commit goes before its files
                if path in still:
                    store.storage.remove(path)


def _watch(sessions: Sessions, often: float, console: Console) -> None:
    """Look at sessions of other machines until it is clear which of them are dead."""
    if others := sessions.elsewhere():
        console.print(f"watching {len(others)} sweeps of other machines for a minute", highlight=False)
        until = time.monotonic() + SILENCE + often
        while time.monotonic() < until:
            for token in others:
                sessions.alive(token)
            time.sleep(often)


def _garbage(
    store: Store, sessions: Sessions, unreadable: list[Unreadable]
) -> Iterator[tuple[str, list[str]]]:
    """(what it is, its paths), the ones that make others unreachable first.

    Where a plan can't be read, nobody knows what is needed. What a newer version has made is none.
    """
    entries = plans.every_entry(store, told=unreadable.append).values()
    wanted = {artifact for entry in entries for artifact in (*entry.artifacts, *entry.parents)}
    keys = {entry.key for entry in entries}
    made, notes = dict.fromkeys(store.all()), store.notes()
    for artifact in [] if unreadable else made:
        needed = artifact in wanted or (artifact.kind == "state" and artifact.key in keys)
        if not needed and _known(store, artifact):
            digests = notes.get(f"{artifact.kind}/{artifact.name}", ())
            noted = [note_name(artifact, digest) for digest in digests]
            yield "artifacts of no recorded study", [commit_name(artifact), folder(artifact), *noted]
    for artifact, attempts in store.attempts().items():
        if artifact in wanted or artifact.kind == "state" or artifact not in made:
            for path in store.abandoned(artifact, sessions.alive, attempts):
                yield "attempts that were never committed", [path]
    for path in sorted(store.storage.walk("aside", 2)):
        yield "artifacts that were set aside", [f"aside/{path}"]
    unfinished = {entry.key for entry in entries if not made.keys() >= set(entry.artifacts)}
    for key in [] if unreadable else work.unfinished(store):
        if key not in unfinished and not work.claimed(store, key, sessions):
            yield "unfinished attempts with which nobody goes on", [f"work/{key}"]
    for key in [] if unreadable else work.failures(store):
        if key not in keys:
            yield "failures of jobs of no recorded study", [f"failed/{key}.json"]
    for token in sessions.tokens():
        if not sessions.alive(token):
            yield "sessions of sweeps that died", [f"sessions/{token}"]


def _known(store: Store, artifact: Artifact) -> bool:
    """Whether this version knows an artifact; a student's state is as well known as its snapshots."""
    if artifact.kind != "state":
        return store.known(artifact)
    return all(store.known(found) for found in store.find(artifact.key) if found.kind != "state")
