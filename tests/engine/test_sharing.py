"""Jobs at which others are, that fail, die, are stopped, or whose parents are gone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from randteach.engine import queue as module
from randteach.engine.events import Again, Ended, Event, Halted, Waiting
from randteach.engine.queue import FAILED, POSTPONED, STOPPED, Queue, shape
from randteach.jobs.job import Job
from randteach.store.store import Store
from tests.engine.test_queue import CPU, Run, commit, job


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.prepare()
    return store


class Others:
    """Claims of which other sweeps have some."""

    def __init__(self, *theirs: Job) -> None:
        self.theirs, self.ours = {job.key for job in theirs}, set[str]()
        self.why = "sweep other runs"

    def take(self, job: Job, waits: Callable[[str], None]) -> bool:
        if job.key in self.theirs:
            waits(self.why)
            return False
        self.ours.add(job.key)
        return True

    def release(self, key: str) -> None:
        self.ours.discard(key)


def test_what_another_sweep_is_at_is_left_to_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 0.0)
    student, mine = job(0, steps={0: 0, 5: 1}), job(3)
    early, late = job(1, student.artifacts[0]), job(2, student.artifacts[1])
    run, others = Run(store, student, early, late, mine), Others(student)
    run.queue.claims = others
    run.start(mine)
    run.start(None)
    assert set(run.queue.elsewhere) == {student.key} and not run.queue.over
    commit(store, student.artifacts[0])  # by the other one, while it still trains
    run.start(early)
    run.start(None)
    commit(store, student.artifacts[1])
    run.start(late)
    assert waits(run.events) == [(student.key, "sweep other runs")]
    run.events[:] = [event for event in run.events if isinstance(event, Ended)]
    assert run.ended() == {student.key: "done"} and not run.queue.elsewhere
    for one in (mine, early, late):
        run.queue.finish(one.key)
    assert run.queue.over and others.ours == set()


def waits(events: list[Event]) -> list[tuple[str, str]]:
    """For what which job waits, each time that this was told."""
    return [(event.key, event.why) for event in events if isinstance(event, Waiting)]


def test_what_another_sweep_gives_up_is_made(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then it is said for what one waits, when that is new."""
    monkeypatch.setattr(module, "LOOK", 0.0)
    one = job(0)
    run, others = Run(store, one), Others(one)
    run.queue.claims = others
    run.start(None)
    run.start(None)
    others.why = "sweep other is silent"
    run.start(None)
    others.theirs.clear()
    run.start(one)
    assert others.ours == {one.key}
    assert waits(run.events) == [(one.key, why) for why in ("sweep other runs", "sweep other is silent", "")]


def test_a_job_that_nobody_could_tell_of_for_long_has_failed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hangs below it is skipped; others are made."""
    monkeypatch.setattr(module, "LOOK", 0.0)
    student, mine = job(0, steps={5: 1}), job(2)
    probe = job(1, student.artifacts[0])
    run, others = Run(store, student, probe, mine), Others(student)
    run.queue.claims = others
    run.start(mine)

    def away(job: Job, waits: Callable[[str], None]) -> bool:
        raise OSError("stale file handle")

    monkeypatch.setattr(others, "take", away)
    run.start(None)
    run.queue.finish(mine.key)
    assert run.queue.over
    assert run.queue.ended == {mine.key: "done", student.key: FAILED, probe.key: "skipped: parent failed"}
    (error,) = (event.error for event in run.events if isinstance(event, Ended) and event.status == FAILED)
    assert "stale file handle" in error


def test_what_has_been_made_since_the_plan_is_not_started(store: Store) -> None:
    one, two = job(0), job(1)
    run = Run(store, one, two)
    commit(store, one.artifacts[0])
    run.start(two)
    assert run.ended() == {one.key: "done"}
    assert [event.theirs for event in run.events] == [True]


def test_what_waits_for_a_job_that_another_sweep_made_is_started(store: Store) -> None:
    """Made since the plan, as the look at its claim shows."""
    one = job(0)
    child = job(1, one.artifacts[0])
    run = Run(store, one, child)
    commit(store, one.artifacts[0])
    run.start(child)
    assert run.ended() == {one.key: "done"}


def test_what_a_worker_made_before_it_died_is_ones_own(store: Store) -> None:
    one = job(0)
    run = Run(store, one)
    run.start(one)
    commit(store, one.artifacts[0])
    run.queue.died(one.key, "gone")
    run.start(None)
    assert run.queue.ended == {one.key: "done"} and not run.events[-1].theirs


def test_a_failed_job_is_tried_again_as_often_as_asked(store: Store) -> None:
    events, one = list[Event](), job(0)
    queue = Queue([one], store, events.append, retry=2)
    for _ in range(2):
        assert queue.next() == one
        queue.finish(one.key, FAILED, "no")
        assert not queue.ended and not queue.in_flight[shape(CPU)]
    assert queue.next() == one
    queue.finish(one.key, FAILED, "no")
    assert queue.over and queue.ended == {one.key: "failed"}
    assert [type(event) for event in events] == [Again, Again, Ended]


def test_a_job_whose_worker_dies_is_made_again_but_not_for_ever(store: Store) -> None:
    events, one = list[Event](), job(0)
    queue = Queue([one], store, events.append)
    for _ in range(module.DEATHS - 1):
        assert queue.next() == one
        queue.died(one.key, "gone")
    assert queue.next() == one and not queue.ended
    queue.died(one.key, "gone")
    assert queue.over and events[-1].status == "failed" and events[-1].error == "gone"


def test_the_loss_of_a_node_is_not_its_jobs_fault(store: Store) -> None:
    """Neither where the worker was seen to go before its node, nor when it comes again."""
    events, one = list[Event](), job(0)
    queue = Queue([one], store, events.append)
    deaths = [("a", "a"), ("b", "b"), *[(where, "c") for where in "abdefg"], ("c", "c"), ("c", "c")]
    for where, alive in deaths:
        assert queue.next() == one and not queue.ended
        queue.died(one.key, "gone", where, {"", alive})
    assert [event.why for event in events] == ["died", "died", *["node"] * 6, "died", "died"]
    assert queue.next() == one
    queue.died(one.key, "gone", "c", {"", "c"})
    assert queue.over and events[-1].status == "failed"


def test_a_job_that_takes_node_after_node_with_it_ends(store: Store) -> None:
    events, one = list[Event](), job(0)
    queue = Queue([one], store, events.append)
    for number in range(module.LOSSES):
        assert queue.next() == one and not queue.ended
        queue.died(one.key, "gone", f"node {number}", {""})
    assert queue.over and events[-1].status == "failed"


def test_a_sweep_that_stops_starts_nothing_and_waits_for_what_runs(store: Store) -> None:
    reason, events, jobs = [""], list[Event](), [job(0), job(1), job(2)]
    queue = Queue(jobs, store, events.append, stopping=lambda: reason[0], retry=5)
    assert [queue.next(), queue.next()] == jobs[:2]
    reason[0] = "because"
    assert queue.next() is None and not queue.over
    queue.finish(jobs[0].key, STOPPED)
    queue.died(jobs[1].key, "gone")  # its process ended as well
    assert queue.over and queue.ended == {} and [type(event) for event in events] == [Halted] * 2


def test_below_a_damaged_parent_one_waits_for_the_next_round(store: Store) -> None:
    student = job(0, steps={5: 1})
    probe = job(1, student.artifacts[0])
    commit(store, student.artifacts[0])
    run = Run(store, probe)
    run.start(probe)
    run.queue.finish(probe.key, POSTPONED)
    assert run.queue.over and run.ended() == {probe.key: POSTPONED}


def test_a_parent_that_is_gone_since_the_plan_is_not_waited_for(store: Store) -> None:
    student = job(0, steps={5: 1})
    probe = job(1, student.artifacts[0])
    run = Run(store, probe)
    run.start(None)
    assert run.queue.over and run.ended() == {probe.key: POSTPONED}
