"""Write to MLflow beside a running study, in one thread of the driver.

Whatever goes wrong in MLflow delays no job: it is said once, tried again after a while and at the end,
and what could not be written then is written by the next start, or by `randteach track`.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from randteach.engine.events import Began, Ended, Event, Halted, Reported
from randteach.store.store import Store
from randteach.tracking.quiet import said
from randteach.tracking.tree import Tree

PAUSE = 15.0  # seconds between tries while MLflow fails
LAST_TRIES = 3  # at the end
BEHIND = 1000  # events that wait, beyond which live rows are left out: they come with their whole job


class Projector:
    """Shows the engine's events in MLflow, live while jobs run, and jobs whole when they are done."""

    def __init__(
        self, out: Path, store: Store, say: Callable[[str], None], server: str | None = None
    ) -> None:
        self.out, self.store, self.say, self.server = out, store, say, server
        self.tree: Tree | None = None
        self.trouble = ""
        self._retry_at = 0.0
        self._told = False
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self, plan: Mapping[str, Any]) -> None:
        """Begin: all that an earlier start could not write, then what comes."""
        self.plan = plan
        self._thread.start()

    def handle(self, event: Event) -> None:
        """Take an event of the engine; never waits."""
        self._events.put(event)

    def finish(self, files: Iterable[Path], status: str) -> str:
        """Write what is missing and the study's files; the trouble that there was, or nothing."""
        self._events.put(None)
        self._thread.join()
        self.trouble = ""
        for number in range(LAST_TRIES):
            if number:
                time.sleep(PAUSE / LAST_TRIES)
            if self._try(lambda tree: tree.write_all()) and self._try(lambda tree: tree.close(files, status)):
                return ""
        return self.trouble

    def _follow(self) -> None:
        self._try(lambda tree: tree.write_all())
        while (event := self._events.get()) is not None:
            late = isinstance(event, Reported) and self._events.qsize() > BEHIND
            if not late and time.monotonic() >= self._retry_at:
                self._try(lambda tree, event=event: _show(tree, event))  # type: ignore[misc]

    def _try(self, action: Callable[[Tree], object]) -> bool:
        """Do something in MLflow; whatever goes wrong there stops no job."""
        try:
            self.tree = self.tree or Tree(self.out, self.store, self.plan, self.server)
            action(self.tree)
        except Exception as error:
            self.trouble = said(error)
            self.tree, self._retry_at = None, time.monotonic() + PAUSE
            if not self._told and not self.store.gone():  # which ends the sweep in a message of its own
                self._told = True
                self.say(f"MLflow can't be written now, the study goes on without it: {self.trouble}")
            return False
        return True


def _show(tree: Tree, event: Event) -> None:
    match event:
        case Began(key):
            tree.begin(key)
        case Reported(key, row):
            tree.row(key, row)
        case Ended(key, status, error):
            tree.end(key, status, error)
        case Halted(key):
            tree.stop(key)
