"""What the searcher makes of what Tune tells it; with a real Tune in `test_tune.py`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from randteach.engine import events
from randteach.engine.events import Committed, Event, Placed, Refused, Returned
from randteach.engine.queue import DONE, FAILED, Queue
from randteach.engine.ray import connection, nodes, searcher, tune
from randteach.jobs import wire
from randteach.jobs.job import Job
from randteach.store.store import Store
from tests import standin

BROKEN = "Traceback (most recent call last):\nRuntimeError: this GPU has fallen off the bus\n"


def test_a_stop_while_ray_starts_is_one_before_the_first_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = list[str | None]()

    @contextmanager
    def connected(address: str | None) -> Iterator[Path]:
        started.append(address)
        yield tmp_path

    monkeypatch.setattr(connection, "connected", connected)
    stopping = Queue([standin.probe(1)], _laid_out(tmp_path), lambda event: None, stopping=lambda: "SIGTERM")
    tune.run(stopping, None, None, print)  # type: ignore[arg-type]
    assert started == [None] and not stopping.ended


class Room:
    """Nodes that take whatever there is."""

    def room(self, queue: Queue, at: object) -> bool:
        return True


def _laid_out(folder: Path) -> Store:
    store = Store(folder)
    store.prepare()
    return store


class Told:
    """A searcher over jobs, told of them as Tune does."""

    def __init__(self, folder: Path, jobs: list[Job]) -> None:
        self.events: list[Event] = []
        self.release: Any = searcher.make(Queue(jobs, _laid_out(folder), self.events.append), Room())  # type: ignore[arg-type]
        self.trials = 0

    def job(self, node: str, outcome: str) -> None:
        """A job is handed out, and ends so on a node."""
        self.trials += 1
        trial = str(self.trials)
        key = wire.loads(self.release.suggest(trial)["job"]).key
        said: list[Event] = [Placed(key, node)]
        if outcome != DONE:
            said.append(Returned(key, outcome, BROKEN))
        self.release.on_trial_result(trial, {"events": events.dumps(said)})
        self.release.on_trial_complete(trial)

    @property
    def refused(self) -> list[str]:
        return [event.why for event in self.events if isinstance(event, Refused)]


def test_a_node_that_fails_all_it_gets_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five in a row, where there are other nodes: a node that is alone fails for its jobs."""
    there = {"one": "a (10.0.0.1)"}
    monkeypatch.setattr(nodes, "names", lambda: there)
    told = Told(tmp_path, [standin.probe(number) for number in range(40)])
    for _ in range(9):
        told.job("one", FAILED)
    there["two"] = "b (10.0.0.2)"
    for outcome in (FAILED, FAILED, FAILED, FAILED, DONE, FAILED, FAILED, FAILED, FAILED):
        told.job("two", outcome)
    assert not told.refused
    told.job("two", FAILED)
    (why,) = told.refused
    assert why.startswith(
        "node b (10.0.0.2): the last 5 jobs there failed (RuntimeError: this GPU has fallen"
    )


def test_what_a_store_that_is_away_refuses_is_kept_for_the_next_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tune would hide it, or its kind."""

    def away(*args: object) -> bool:
        raise OSError("stale file handle")

    monkeypatch.setattr(Store, "diverged", away)
    first = standin.probe(1)
    told = Told(tmp_path, [first, standin.probe(2, first.artifacts[0])])
    assert wire.loads(told.release.suggest("a")["job"]).key == first.key
    made = [Committed(first.key, None)]
    told.release.on_trial_result("a", {"events": events.dumps(made)})
    with pytest.raises(OSError, match="stale file handle"):
        told.release.suggest("b")
