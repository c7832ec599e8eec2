"""Which idle workers stay, decided by hand."""

import time
from pathlib import Path

import pytest
from ray.tune import PlacementGroupFactory

from randteach.engine.queue import Queue
from randteach.engine.ray import warm
from randteach.engine.ray.placement import Cluster, Node
from randteach.store.store import Store
from tests.engine.test_queue import GPU, job

AT_CPU, AT_GPU = (
    PlacementGroupFactory([{"CPU": 1, "GPU": 0}]),
    PlacementGroupFactory([{"CPU": 1, "GPU": 0.5}]),
)


class There:
    """One node with one GPU, which holds two jobs of half a GPU and, beside these, one without."""

    cluster = Cluster({Node(3, 1): 1})


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    """Two jobs on halves of a GPU, which release one without a GPU each."""
    store = Store(tmp_path)
    store.prepare()
    students = [job(n, slot=GPU) for n in range(2)]
    return Queue(
        [*students, *(job(9 + n, s.artifacts[0]) for n, s in enumerate(students))], store, lambda event: None
    )


def test_an_idle_worker_gives_way_only_to_what_could_run_in_its_place(queue: Queue) -> None:
    cpu, gpu = (1, 0.0), (1, 0.5)
    assert warm.stays(cpu, {}, queue, There.cluster)
    for _ in range(2):
        assert queue.next()
    assert not warm.stays(cpu, {gpu: 1}, queue, There.cluster)  # a second half of the GPU is free
    assert warm.stays(cpu, {gpu: 0}, queue, There.cluster)
    assert not warm.stays(cpu, {gpu: 1}, queue, Cluster({Node(2, 1): 1}))
    assert warm.stays(cpu, {gpu: 1}, queue, Cluster({Node(1, 1): 1}))  # all that fit run: it waits for these
    queue.made(queue.jobs[next(iter(queue.running))].artifacts[0])
    assert queue.ready(cpu) and warm.stays(cpu, {gpu: 1}, queue, There.cluster)  # it has work at once


def test_an_idle_worker_stays_for_a_while(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    cache = warm.cache(queue, There())()
    assert cache.cache_object(AT_CPU, "a") and cache.cache_object(AT_CPU, "b")
    assert list(cache.flush_cached_objects()) == [] and cache.num_cached_objects == 2
    now += warm.KEEP - 1
    assert cache.pop_cached_object(AT_CPU) == "a" and cache.cache_object(AT_CPU, "a")
    now += 2
    assert list(cache.flush_cached_objects()) == ["b"] and cache.num_cached_objects == 1
    assert list(cache.flush_cached_objects(force_all=True)) == ["a"] and cache.num_cached_objects == 0


def test_a_trial_that_takes_an_idle_worker_waits_for_no_place(queue: Queue) -> None:
    cache = warm.cache(queue, There())()
    for key in (AT_CPU, AT_GPU):
        assert cache.cache_object(key, key)
    assert queue.next()
    cache.increase_max(AT_GPU)  # the trial of that job is staged, and has an idle worker
    assert list(cache.flush_cached_objects()) == []
    assert cache.pop_cached_object(AT_GPU)  # which is handed to it, and prepares
    assert list(cache.flush_cached_objects()) == []
    cache.decrease_max(AT_GPU)  # it has started
    assert queue.next()
    cache.increase_max(AT_GPU)  # the next one finds none
    assert list(cache.flush_cached_objects()) == [AT_CPU]
