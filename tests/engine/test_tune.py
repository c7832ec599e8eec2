"""Jobs that sleep, as trials of a real Tune: who runs what, and how a sweep ends that waits for nodes."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import ray

from randteach.config.schema import Slot
from randteach.engine.events import Began, Committed, Ended, Event, Halted, Refused
from randteach.engine.ray import connection, warm
from randteach.engine.ray.placement import Cluster, Node
from randteach.engine.recorder import JobRecorder
from randteach.errors import UserError
from randteach.jobs.job import Job
from tests import standin

CPU, GPU, STUDENT = Slot(1, 0.0), Slot(1, 0.5), Slot(3, 0.0)


class Tune:
    """Tune on a Ray of five CPUs; what happened, and which process slept for which job."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, self.seen = tmp_path / "store", tmp_path / "seen"
        self.events: list[Event] = []
        self.stopping = ""

    def run(
        self, jobs: list[Job], seconds: Callable[[Job], float], digest: str = "", token: str = ""
    ) -> None:
        """Make them; a refusal, or the end of job 100, stops the rest."""
        seen, last = self.seen, standin.probe(100).key

        def sleep(job: Job, recorder: JobRecorder) -> None:
            time.sleep(seconds(job))
            with seen.open("a") as file:
                began = psutil.Process().create_time()
                file.write(f"{job.slot.cpus} {os.getpid()} {began} {time.time()}\n")

        def hear(event: Event) -> None:
            self.events.append(event)
            if isinstance(event, Refused) or (isinstance(event, Ended) and event.key == last):
                self.stopping = getattr(event, "why", "enough")

        standin.make(self.folder, jobs, sleep, hear, lambda: self.stopping, digest, token)

    def of(self, job: Job) -> list[type]:
        """What happened to a job, in order."""
        return [type(event) for event in self.events if event.key == job.key]


@pytest.fixture
def five(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tune:
    started = ray.init
    monkeypatch.setattr(ray, "init", lambda *args, **options: started(*args, num_cpus=5, **options))
    return Tune(tmp_path)


def test_workers_outlive_the_time_between_bursts(five: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two students after each other, two probes below each: none starts a worker anew."""
    monkeypatch.setattr(warm, "KEEP", 600.0)  # on a machine however slow
    students = [standin.probe(n, slot=STUDENT) for n in range(2)]
    below = [(student.artifacts[0], 10 * n + 10 + m) for n, student in enumerate(students) for m in (1, 2)]
    probes = [standin.probe(n, parent, slot=CPU) for parent, n in below]
    five.run([*students, *probes], lambda job: 16.0 if job.slot.cpus == 3 else 2.0)
    ran = [line.split() for line in five.seen.read_text().splitlines()]
    trained = [line for line in ran if line[0] == "3"]
    assert len({pid for _, pid, *_ in trained}) == 1
    # Workers that probe the second student began before it ended.
    ended = float(trained[1][3])
    begun = [float(began) for cpus, _, began, end in ran if cpus == "1" and float(end) > ended]
    assert len(begun) >= 2 and max(begun) < ended


def test_a_stop_does_not_wait_for_nodes_to_come(five: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs need a GPU that a node could bring, and no such node comes."""
    cluster = Cluster({Node(5, 0): 1}, {Node(8, 1): 4}, 4)
    monkeypatch.setattr(connection, "look", lambda: cluster)
    waiting, last = [standin.probe(n, slot=GPU) for n in range(2)], standin.probe(100, slot=CPU)
    five.run([*waiting, last], lambda job: 1.0)
    assert five.of(last) == [Began, Committed, Ended]
    assert [five.of(job) for job in waiting] == [[Halted], [Halted]]
    assert not list((five.folder / "work").glob("*/claim-*"))


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ({"digest": "other"}, r"code: .*ray up"),
        ({"token": "nobody"}, r"--store .* does not see what the driver"),
    ],
)
def test_a_worker_that_is_not_the_drivers_stops_the_sweep_and_fails_no_job(
    five: Tune, option: dict[str, str], why: str
) -> None:
    """It has other code, or does not see the sweep in what it takes for the store."""
    jobs = [standin.probe(n, slot=CPU) for n in range(9)]
    five.run(jobs, lambda job: 0.0, **option)
    assert re.match(why, five.stopping)
    assert not five.seen.exists()
    assert {type(event) for event in five.events} <= {Began, Refused, Halted}


def test_a_store_that_is_away_for_too_long_is_told(five: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a job's end is to be noted, where Tune swallows all errors."""

    def away(*args: object) -> None:
        raise OSError("stale file handle")

    monkeypatch.setattr("randteach.store.work.Claims.release", away)
    with pytest.raises(UserError, match=r"for too long \(stale file handle\)"):
        five.run([standin.probe(n, slot=CPU) for n in range(3)], lambda job: 1.0)
