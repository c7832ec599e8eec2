"""Probes whose stage is replaced, as trials of a real Tune: the engine alone, for tests and benchmarks."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from randteach import kinds
from randteach.config.schema import Slot
from randteach.engine.context import Context
from randteach.engine.events import Event
from randteach.engine.queue import Queue
from randteach.engine.ray import tune, worker
from randteach.engine.recorder import JobRecorder
from randteach.environment import code, numerics
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Job
from randteach.specs import Pixels, ProbeSpec, Samples
from randteach.stages.recorder import Result
from randteach.store import work
from randteach.store.session import Session, Sessions
from randteach.store.store import Store

Stage = Callable[[Job, JobRecorder], None]
SAMPLES = Samples("fashion_mnist", "", 1, 16, 100)
ABOUT = {"role": "input", "probed_on": "fashion_mnist", "step": None}


def probe(number: int, *parents: Artifact, slot: Slot | None = None) -> Job:
    """A probe that is told from others by its number, which is its rank and its record's seed."""
    spec = ProbeSpec(Pixels(), SAMPLES, 10, 1, 1, 0.1, 0.0, 1, seed=number)
    return Job("probe", spec, {}, parents, (number,), ABOUT, slot=slot or Slot())


def result() -> Result:
    """What a stage that does nothing commits."""
    return Result([{"split": "test", "linear": 0.0}])


def make(
    folder: Path,
    jobs: Iterable[Job],
    stage: Stage,
    hear: Callable[[Event], None] = lambda event: None,
    stopping: Callable[[], str] = str,
    digest: str = "",
    token: str = "",
) -> None:
    """Make jobs, their GPUs pretended; `digest` is that of code which workers lack, `token` a session's
    that they don't find in the store.
    """
    done = result()

    class Standin(worker.Options):  # local, and so sent whole to workers, which need no module for it
        def context(self) -> Context:
            real = numerics.set_up
            numerics.set_up = lambda cpus, gpus, precision: real(cpus, 0, precision)

            def run(spec: Any, inputs: Any, recorder: Any) -> None:
                inputs.ready()
                stage(inputs.job, recorder)
                recorder.result(done)

            kinds.KINDS._found["probe"] = replace(kinds.KINDS["probe"], stage=run)
            return super().context()

    store, place = Store(folder), str(folder)
    store.prepare()
    with Session(store, {"study": "standin"}) as session:
        token = token or session.token
        claims = work.Claims(store, session.token, Sessions(store))
        queue = Queue(jobs, store, hear, claims, stopping)
        used = digest or code.digest()
        tune.run(queue, Standin(place, place, place, "memory", token, "", 0.0, used), None, print)
