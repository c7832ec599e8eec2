"""`randteach status` and `randteach logs`: what runs now, how far it is, and what it says."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.table import Table

from randteach.cli.commands.inventory import left_out
from randteach.engine.progress import duration
from randteach.errors import Unreadable
from randteach.store import plans, work
from randteach.store.lookup import damage_told, key_of, results
from randteach.store.missing import missing as lacking
from randteach.store.session import Sessions, heartbeat
from randteach.store.store import Store


def status(store: Store, console: Console) -> int:
    """Show what runs on a store, and how much of each study is made."""
    sessions = Sessions(store)
    tokens = sessions.tokens()
    often = heartbeat(store.storage)
    silent = _silent(sessions, 2 * often)
    for token in tokens:
        about = sessions.about(token)
        where = f"{about.get('study')} on {about.get('host')}, process {about.get('pid')}"
        if not sessions.alive(token):
            console.print(f"{where}: died", style="red")
            continue
        note = f", no sign of life for {2 * often:g} s" if token in silent else ""
        console.print(f"{where}{note}: {about.get('counts', 'starts')}", style="bold")
        table = Table(box=None, pad_edge=False, show_header=False)
        for row in _running(about):
            table.add_row(*row)
        if table.row_count:
            console.print(table)
    if not tokens:
        console.print("nothing runs")
    failed = set(work.failures(store))
    for name in plans.studies(store):
        try:
            entries = plans.entries(store, name, left_out(console))
        except Unreadable:
            continue
        missing = {entry.key for entry in lacking(entries, store)}
        broken = len(missing & failed)
        text = f"{name}: {len(entries)} jobs, {len(entries) - len(missing)} done, {len(missing)} missing"
        console.print(text + (f", {broken} of them failed" if broken else ""))
    return 0


def _running(about: Mapping[str, Any]) -> Iterator[list[str]]:
    """What a session says of its jobs, as far as it is understood: another version may say other things."""
    running = about.get("running")
    for item in running if isinstance(running, list) else []:
        with suppress(KeyError, TypeError, ValueError, AttributeError, OverflowError):
            epochs = f"epoch {item['epoch'] or 0:g} / {item['epochs']:g}" if item["epochs"] else ""
            loss = f"loss {item['loss']:.4g}" if item["loss"] is not None else ""
            yield [f"  {item['key'][:12]}", item["title"].strip(), epochs, loss, duration(item["seconds"])]


def _silent(sessions: Sessions, seconds: float) -> set[str]:
    """Sessions of other machines whose heartbeat stands still."""
    before = {token: sessions.about(token).get("beat") for token in sessions.elsewhere()}
    if before:
        time.sleep(seconds)
    return {token for token, count in before.items() if sessions.about(token).get("beat") == count}


def logs(store: Store, prefix: str, console: Console) -> int:
    """Print the log of a job: as it runs, as it was made, or as it failed."""
    key = key_of(store, prefix)
    made = results(store, key)
    lines = work.log_of(store, key)
    failure = work.failure(store, key)
    if failure and not (made and made[-1].step is None):
        lines = [*failure["log"], *failure["error"].splitlines()]
    elif not lines:
        for artifact in made[-1:]:
            with damage_told():
                lines = store.json(artifact, "provenance").get("log", [])
    for line in lines:
        console.print(line, markup=False)
    if not lines:
        console.print(f"{key}: no log; it has not begun, or was made before there were any")
    return 0
