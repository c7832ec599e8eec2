"""Which job comes next: parents first, by rank, where there is room; and what never comes."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from randteach.config.schema import Slot
from randteach.engine.events import Ended, Event
from randteach.engine.queue import FAILED, FAILED_PARENT, Queue, shape
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Job
from randteach.specs import Pixels, ProbeSpec, Samples
from randteach.stages.recorder import DIVERGED, OK, SKIPPED, UNMOVED
from randteach.store.store import Store

SAMPLES = Samples("fashion_mnist", "", 1, 16, 100)
CPU, BIG, GPU = Slot(1, 0.0), Slot(2, 0.0), Slot(1, 0.5)


def job(number: int, *parents: Artifact, slot: Slot = CPU, steps: Mapping[int, float] | None = None) -> Job:
    """A job that is told from others by its number, which is its rank as well."""
    spec = ProbeSpec(Pixels(), SAMPLES, 10, 1, 1, 0.1, 0.0, 1, seed=number)
    return Job("distill" if steps else "probe", spec, steps or {}, parents, (number,), slot=slot)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.prepare()
    return store


def commit(store: Store, artifact: Artifact, status: str = OK) -> None:
    assert store.commit(artifact, {}, status=status, seconds=0, numerics="n")


class Run:
    """A queue, driven by hand."""

    def __init__(self, store: Store, *jobs: Job) -> None:
        self.store, self.events = store, list[Event]()
        self.queue = Queue(jobs, store, self.events.append)

    def start(self, expected: Job | None, *shapes: Slot) -> None:
        """What comes next; `shapes` are those that have room, all where none are named."""
        room = {shape(slot) for slot in shapes}
        found = self.queue.next(lambda at: at in room) if shapes else self.queue.next()
        assert found == expected

    def make(self, artifact: Artifact, status: str = OK) -> None:
        commit(self.store, artifact, status)
        self.queue.made(artifact)

    def ended(self) -> dict[str, str]:
        """Status by key as it was emitted, each once."""
        assert all(isinstance(event, Ended) for event in self.events)
        assert len({event.key for event in self.events}) == len(self.events)
        found = {event.key: event.status for event in self.events}
        assert found == self.queue.ended
        return found


def test_jobs_come_by_rank_and_each_once(store: Store) -> None:
    jobs = [job(number) for number in range(12)]
    run = Run(store, *jobs[6:], *jobs[:6])
    assert not run.queue.over  # nothing runs, and nothing has ended
    for one in jobs:
        run.start(one)
    run.start(None)
    assert run.queue.running == {one.key for one in jobs} and not run.queue.over
    for one in jobs[::-1]:
        run.queue.finish(one.key)
    assert run.queue.over and run.ended() == dict.fromkeys((one.key for one in jobs), "done")
    assert not run.queue.running


def test_nothing_to_make_is_over(store: Store) -> None:
    assert Run(store).queue.over


def test_children_are_released_when_their_parents_are_made(store: Store) -> None:
    student = job(0, steps={0: 0, 5: 1})
    early, late, both = (
        job(3, student.artifacts[0]),
        job(2, student.artifacts[1]),
        job(1, *student.artifacts),
    )
    run = Run(store, student, early, late, both)
    run.start(student)
    run.start(None)
    run.make(student.artifacts[0])
    run.start(early)  # while the student still trains
    run.start(None)
    run.make(student.artifacts[1])
    run.queue.made(student.artifacts[1])  # told twice: released once
    run.queue.finish(student.key)
    run.start(both)  # by rank, not in the order in which they were released
    run.start(late)
    run.start(None)
    assert not run.queue.over


def test_the_end_of_a_job_tells_of_its_artifacts_too(store: Store) -> None:
    parent = job(0)
    child = job(1, *parent.artifacts)
    run = Run(store, child, parent)
    run.start(parent)
    commit(store, parent.artifacts[0])
    run.queue.finish(parent.key)
    run.start(child)


def test_what_the_store_holds_is_not_waited_for(store: Store) -> None:
    student = job(9, steps={0: 0, 5: 1})
    early, late, other = (
        job(1, student.artifacts[0]),
        job(0, student.artifacts[1]),
        Artifact("probe", "ff" * 12),
    )
    elsewhere = job(2, other)  # its parent is no job of this plan
    commit(store, student.artifacts[0])
    commit(store, other)
    run = Run(store, student, early, late, elsewhere)
    for one in (early, elsewhere, student, None):
        run.start(one)


def test_each_shape_has_room_of_its_own(store: Store) -> None:
    wide, small, card, small2 = job(0, slot=BIG), job(1), job(2, slot=GPU), job(3)
    run = Run(store, wide, small, card, small2)
    run.start(card, GPU)  # the first by rank has no room: it keeps none of the others back
    run.start(small, CPU, GPU)
    assert run.queue.in_flight == {shape(GPU): 1, shape(CPU): 1}
    run.start(None, GPU)
    run.start(wide, CPU, BIG)  # of two shapes that have room, the lower rank
    run.start(small2, CPU, BIG)
    run.start(None)
    assert run.queue.in_flight == {shape(GPU): 1, shape(CPU): 2, shape(BIG): 1}
    run.queue.finish(small.key)
    run.queue.finish(card.key, FAILED, "an error")
    assert run.queue.in_flight[shape(CPU)] == 1 and run.queue.in_flight[shape(GPU)] == 0


@pytest.mark.parametrize("before", [False, True], ids=["while it runs", "in an earlier run"])
def test_below_a_diverged_student_nothing_is_made(store: Store, before: bool) -> None:
    student = job(0, steps={0: 0, 5: 1, 9: 2})
    fine, lost, lost2 = (job(1 + number, artifact) for number, artifact in enumerate(student.artifacts))
    statuses = (OK, DIVERGED, DIVERGED)
    if before:
        for artifact, status in zip(student.artifacts, statuses, strict=True):
            commit(store, artifact, status)
        run = Run(store, fine, lost, lost2)
    else:
        run = Run(store, student, fine, lost, lost2)
        run.start(student)
        for artifact, status in zip(student.artifacts, statuses, strict=True):
            run.make(artifact, status)
        run.queue.finish(student.key)
    run.start(fine)
    run.start(None)
    run.queue.finish(fine.key)
    wanted = {fine.key: "done", lost.key: SKIPPED, lost2.key: SKIPPED}
    assert run.ended() == (wanted if before else wanted | {student.key: "done"})
    assert run.queue.over


def test_an_unmoved_student_is_probed(store: Store) -> None:
    student = job(0, steps={5: 1})
    probe = job(1, *student.artifacts)
    run = Run(store, student, probe)
    run.start(student)
    run.make(student.artifacts[0], UNMOVED)
    run.start(probe)


def test_below_a_failed_job_only_what_it_made_is_used(store: Store) -> None:
    student, free = job(0, steps={0: 0, 5: 1}), job(4)
    early, late, both = job(1, student.artifacts[0]), job(2, student.artifacts[1]), job(3, *student.artifacts)
    mixed = job(5, student.artifacts[0], *free.artifacts)  # waits for another job alone
    run = Run(store, student, early, late, both, free, mixed)
    run.start(student)
    run.make(student.artifacts[0])
    run.queue.finish(student.key, FAILED, "Traceback\nValueError: no")
    assert run.ended() == {student.key: "failed", late.key: FAILED_PARENT, both.key: FAILED_PARENT}
    errors = {event.key: event.error for event in run.events}
    assert errors == {student.key: "Traceback\nValueError: no", late.key: "", both.key: ""}
    run.start(early)  # what does not depend on the failure goes on
    run.start(free)
    run.start(None)
    run.queue.finish(early.key)
    run.make(free.artifacts[0])
    run.queue.finish(free.key)
    run.start(mixed)
    assert not run.queue.over
    run.queue.finish(mixed.key, FAILED, "an error")
    assert run.queue.over
