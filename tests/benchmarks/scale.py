"""A plan of 100,000 jobs, and what searcher and store add to Tune's own time for a job."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

from randteach.config import overrides
from randteach.engine.events import Event, Reported
from randteach.engine.ray import connection, worker
from randteach.engine.recorder import JobRecorder
from randteach.environment import code
from randteach.jobs import study
from randteach.jobs.job import Job
from randteach.store import remake
from randteach.store.artifacts import commit_name
from randteach.store.missing import missing as lacking
from randteach.store.store import Store
from sweeps.init_distance import STUDY
from tests import standin

POINTS = 1755  # seeds of the preset mini: 100,037 jobs
JOBS = 2000
ROWS = 2000
ROUNDS = 2


def plan() -> None:
    """Expand, key and diff against a store that holds it all, in a process of its own."""
    print(f"A plan of {POINTS} seeds of --preset mini, against a store that holds all of it")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "fill", folder], check=True)
        for _ in range(3):
            subprocess.run([sys.executable, __file__, "plan", folder], check=True)


def _plan() -> study.Plan:
    axes = overrides.parse(STUDY.presets["mini"], ["seed=" + ",".join(map(str, range(POINTS)))])
    return study.expand(STUDY, axes)


def _fill(store: Store) -> None:
    commit = json.dumps({"attempt": "x", "status": "ok", "files": {}, "seconds": 1.0, "numerics": "n"})
    for job in _plan().jobs:
        for artifact in job.artifacts:
            path = store.root / commit_name(artifact)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(commit)
            store.note(artifact, code.digest())


def _diff(store: Store) -> None:
    began = time.perf_counter()
    found = _plan()
    expanded = time.perf_counter()
    missing = lacking(found.jobs, store)
    ended = time.perf_counter()
    assert remake.other_code(found.jobs, store) == ([], [])
    counted = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"  {len(found.jobs):,} jobs, {len(missing)} missing: expand and key {expanded - began:.2f} s, "
        f"diff {ended - expanded:.2f} s, by whose code {counted - ended:.2f} s, together "
        f"{counted - began:.2f} s; peak memory {peak:.2f} GB"
    )


def _ours(
    jobs: int,
    stage: standin.Stage = lambda job, recorder: None,
    hear: Callable[[Event], None] = lambda event: None,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        standin.make(Path(folder), [standin.probe(number) for number in range(jobs)], stage, hear)
        assert len(Store(folder).done("probe")) == jobs


def _bare(jobs: int) -> None:
    from ray import tune as ray_tune

    with suppress(KeyError), connection.connected(None) as folder:
        tuner = ray_tune.Tuner(
            ray_tune.with_resources(lambda config: ray_tune.report({"x": 0}), {"CPU": 1}),
            tune_config=ray_tune.TuneConfig(num_samples=jobs, reuse_actors=True),
            run_config=ray_tune.RunConfig(storage_path=str(folder / "tune"), verbose=0),
        )
        tuner.fit()


def scheduler() -> None:
    """Milliseconds a job of bare Tune and of ours, Ray's start included, in turn, with equal settings."""
    os.environ.update(connection.SETTINGS)
    print(f"{JOBS:,} jobs that do nothing, under Ray Tune; {ROUNDS} rounds, Ray's start included")
    took: dict[str, list[float]] = {"bare": [], "ours": []}
    sides: dict[str, Callable[[int], None]] = {"bare": _bare, "ours": _ours}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            began = time.perf_counter()
            side(JOBS)
            took[name].append(1000 * (time.perf_counter() - began) / JOBS)
            print(f"  {name} {took[name][-1]:6.1f} ms a job", flush=True)
    added = [ours - bare for bare, ours in zip(took["bare"], took["ours"], strict=True)]
    print(
        f"  bare Tune {median(took['bare']):.1f} ms a job, ours {median(took['ours']):.1f} ms: "
        f"{median(added):+.1f} ms  ({min(added):+.1f} to {max(added):+.1f})"
    )

    def tell(job: Job, recorder: JobRecorder) -> None:
        worker.TOGETHER = 0.0  # each row by itself
        for number in range(ROWS):
            recorder.emit("row", row={"loss": float(number)})

    heard: list[float] = []
    _ours(2, tell, lambda event: heard.append(time.perf_counter()) if isinstance(event, Reported) else None)
    rate = (len(heard) - 1) / (heard[-1] - heard[0])
    print(f"  results of two running jobs, {len(heard):,} of them: {rate:.0f} a second")


if __name__ == "__main__":
    place = Store(Path(sys.argv[2]))
    if sys.argv[1] == "fill":
        _fill(place)
    else:
        _diff(place)
