"""Which idle workers stay: decided by hand, and seen under Ray by who ran what."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.tune import PlacementGroupFactory

from randteach import code, work
from randteach.config import Slot
from randteach.engine import kinds, tune, warm, worker
from randteach.engine.placement import Cluster, Node
from randteach.engine.queue import Queue
from randteach.jobs import Job
from randteach.session import Session, Sessions
from randteach.stages.recorder import Result
from randteach.store import Store
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


def test_workers_outlive_the_time_between_bursts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two students after each other, two probes below each: none starts a worker anew."""
    seen = tmp_path / "seen"

    class Sleeping(worker.Options):
        """Workers whose jobs write who they are; students sleep longer than a worker takes to start."""

        def context(self) -> Any:
            def run(job: Job, steps: Any, context: Any, keeper: Any) -> None:
                keeper.begin()
                time.sleep(20.0 if job.slot.cpus == 3 else 3.0)
                with seen.open("a") as file:
                    file.write(f"{job.slot.cpus} {os.getpid()}\n")
                keeper.result(Result([{"split": "test", "linear": 0.0}]))

            kinds.run = run
            return super().context()

    about = {"role": "input", "probed_on": "fashion_mnist", "step": None}
    students = [job(n, slot=Slot(3, 0.0)).placed(labels=about) for n in range(2)]
    below = [(student.artifacts[0], 10 * n + 10 + m) for n, student in enumerate(students) for m in (1, 2)]
    probes = [job(n, parent).placed(labels=about) for parent, n in below]
    started = ray.init
    monkeypatch.setattr(ray, "init", lambda *args, **options: started(*args, num_cpus=5, **options))
    store = Store(tmp_path / "store")
    store.prepare()
    with Session(store, {"study": "bursts"}) as session:
        queue = Queue([*students, *probes], store, print, work.Claims(store, session.token, Sessions(store)))
        folder = str(tmp_path / "store")
        options = Sleeping(folder, folder, folder, "memory", session.token, "", 0.0, code.digest())
        tune.run(queue, options, None, print)
    ran = [line.split() for line in seen.read_text().splitlines()]
    assert len({pid for cpus, pid in ran if cpus == "3"}) == 1
    burst, again = ran[1:3], ran[4:]
    assert len(again) == 2 and {pid for _, pid in again} <= {pid for _, pid in burst}
