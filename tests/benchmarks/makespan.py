"""200 jobs of two shapes that only sleep, on pretended GPUs: how close Tune and ours come to the bound.

The bound is max(critical path, work / slots). Workers are warm: before each measured wave one of its own,
of the same shapes, fills every slot, and the clock starts when the last job of that wave has ended.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from randteach.config.schema import Slot
from randteach.engine.events import Ended, Event
from randteach.engine.queue import DONE
from randteach.engine.ray import connection
from randteach.engine.recorder import JobRecorder
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Job
from tests import standin

CPUS, GPUS = 8, 4
STUDENTS, PROBES = 40, 4  # probes of each student: 200 jobs
STUDENT, PROBE, WARM_UP = 8.0, 1.0, 20.0  # seconds
ROUNDS = 2
GPU, CPU = Slot(1, 1.0), Slot(1, 0.0)


def bound() -> float:
    """Seconds below which no schedule comes; probes have the CPUs that students leave."""
    students, probes = STUDENTS * STUDENT, STUDENTS * PROBES * PROBE
    return max(STUDENT + PROBE, students / GPUS, (students + probes) / CPUS)


def _seconds(seed: int) -> float:
    """How long a job sleeps, by its number: warm-up, students, probes."""
    return WARM_UP if seed < 1000 else STUDENT if seed < 2000 else PROBE


def _jobs() -> tuple[list[Job], list[Job]]:
    """The warm-up and, below one of its jobs each, the measured ones."""
    warm = [standin.probe(n, slot=GPU) for n in range(GPUS)] + [
        standin.probe(100 + n, slot=CPU) for n in range(CPUS - GPUS)
    ]
    gate = tuple(job.artifacts[0] for job in warm)
    students = [standin.probe(1000 + n, *gate, slot=GPU) for n in range(STUDENTS)]
    probes = [
        standin.probe(2000 + n, students[n // PROBES].artifacts[0], slot=CPU)
        for n in range(STUDENTS * PROBES)
    ]
    return warm, students + probes


class Clock:
    """Seconds from the last end of the warm-up to the last end of all."""

    def __init__(self, warm: list[Job]) -> None:
        self.warm, self.began, self.ended = {job.key for job in warm}, 0.0, 0.0

    def hear(self, key: str) -> None:
        """A job has ended."""
        self.ended = time.monotonic()
        if key in self.warm:
            self.began = self.ended

    @property
    def seconds(self) -> float:
        """What the measured jobs took."""
        return self.ended - self.began


def _ours() -> float:
    warm, jobs = _jobs()
    clock = Clock(warm)

    def hear(event: Event) -> None:
        if isinstance(event, Ended):
            assert event.status == DONE, event
            clock.hear(event.key)

    def sleep(job: Job, recorder: JobRecorder) -> None:
        time.sleep(_seconds(job.spec.seed))  # type: ignore[union-attr]

    with tempfile.TemporaryDirectory() as folder:
        standin.make(Path(folder), [*warm, *jobs], sleep, hear)
    return clock.seconds


def _bare() -> float:
    """Tune alone, with the same settings and lengths: a searcher that knows the order, and nothing else."""
    from ray import tune as ray_tune
    from ray.tune.search import Searcher

    warm, jobs = _jobs()
    clock, made, waiting = Clock(warm), set[Artifact](), [*warm, *jobs]

    class Order(Searcher):
        """Parents first."""

        def __init__(self) -> None:
            super().__init__()
            self.trials: dict[str, Job] = {}

        def suggest(self, trial_id: str) -> Any:
            for job in waiting:
                if made.issuperset(job.parents):
                    waiting.remove(job)
                    self.trials[trial_id] = job
                    return {"seed": job.spec.seed, "gpus": job.slot.gpus}  # type: ignore[union-attr]
            return None if waiting else Searcher.FINISHED

        def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
            job = self.trials[trial_id]
            made.update(job.artifacts)
            clock.hear(job.key)

        def __reduce__(self) -> Any:
            return Searcher, ()

        def save(self, checkpoint_path: str) -> None:
            pass

    def trial(config: dict[str, Any]) -> None:
        time.sleep(_seconds(config["seed"]))
        ray_tune.report({"x": 0})

    def resources(config: dict[str, Any]) -> Any:
        return ray_tune.PlacementGroupFactory([{"CPU": 1, "GPU": config["gpus"]}])

    with connection.connected(None) as folder:
        config = ray_tune.TuneConfig(search_alg=Order(), num_samples=-1, reuse_actors=True)
        about = ray_tune.RunConfig(storage_path=str(folder / "tune"), verbose=0)
        ray_tune.Tuner(ray_tune.with_resources(trial, resources), tune_config=config, run_config=about).fit()
    return clock.seconds


def _pretending(action: Callable[[], float]) -> float:
    """Run it where `connect` starts a Ray that claims more than this machine has."""
    import ray

    real = ray.init
    ray.init = lambda *args, **options: real(*args, num_cpus=CPUS, num_gpus=GPUS, **options)
    try:
        return action()
    finally:
        ray.init = real


def run() -> None:
    """Print both makespans, in turn, beside the bound."""
    import os

    os.environ.update(connection.SETTINGS)
    total = STUDENTS * (1 + PROBES)
    print(
        f"{total} jobs that sleep: {STUDENTS} of {STUDENT:g} s on a GPU, {PROBES} of {PROBE:g} s below each"
    )
    print(f"{GPUS} pretended GPUs, {CPUS} CPUs; bound {bound():.1f} s; workers warm; {ROUNDS} rounds")
    for _ in range(ROUNDS):
        for name, action in (("bare Tune", _bare), ("ours", _ours)):
            seconds = _pretending(action)
            print(f"  {name:9} {seconds:6.1f} s, {seconds / bound():.3f} x the bound", flush=True)


if __name__ == "__main__":  # workers take what is here from the script, not from a module that they lack
    run()
