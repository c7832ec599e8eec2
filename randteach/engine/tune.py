"""Jobs as Ray Tune trials: a searcher releases those whose parents are there.

Each start is a fresh Tune experiment on what is missing; the store, not Tune, remembers. Tune asks the
searcher for trials one by one and would count pending ones of all shapes together, so the searcher
itself admits jobs by shape, by what the cluster has at the time and what it can start (`placement`).
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from randteach.engine import connection, nodes, warm
from randteach.engine.placement import Cluster
from randteach.engine.queue import DONE, STOPPED, Queue, Shape
from randteach.engine.worker import Options, work
from randteach.jobs import Artifact, Job
from randteach.setting import UserError

NODE_DIED = "node has died"  # how Ray's word on an actor's death begins where its node went
LOOK = 2.0  # seconds between looks at which nodes there are


def run(queue: Queue, options: Options, address: str | None, say: Callable[[str], None]) -> None:
    """Make all that the queue holds; a failed job does not stop the others. `say` tells the user.

    Raises UserError where Ray can't be started or reached, or where a job can never be placed.
    """
    connection.connect(address)
    import ray
    from ray import tune
    from ray.tune.execution import tune_controller

    try:
        if address:
            nodes.check(options.store, options.session, say)
        have = _Nodes(say)
        have.cluster.check(queue.jobs.values())
        with tempfile.TemporaryDirectory(prefix="randteach-") as folder:
            searcher = _searcher(queue, have)
            tune_controller._ObjectCache = warm.cache(queue, have)  # type: ignore[attr-defined]
            tuner = tune.Tuner(
                tune.with_resources(_trainable(options), _placement),
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    scheduler=_scheduler(),
                    num_samples=-1,
                    reuse_actors=True,
                    trial_name_creator=lambda trial: trial.trial_id,
                    trial_dirname_creator=lambda trial: trial.trial_id,
                ),
                run_config=tune.RunConfig(
                    storage_path=folder,
                    verbose=0,
                    stop=_stopper(queue),
                    callbacks=[_turns(searcher)],
                    failure_config=tune.FailureConfig(max_failures=0),
                ),
            )
            tuner.fit()
    except OSError as error:
        raise UserError(
            f"--store {options.store}: could not be read or written for too long ({error}); what was made "
            "is there, and the same command goes on from it"
        ) from None
    finally:
        ray.shutdown()


def _stopper(queue: Queue) -> Any:
    from ray import tune

    class Withdraw(tune.Stopper):
        """Takes back from Tune what still waits for a place, once nothing is to be started any more."""

        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            return False

        def stop_all(self) -> bool:
            return bool(queue.stopping()) and queue.over

        def __reduce__(self) -> Any:
            """Tune pickles its settings, and a queue with a bucket can't be."""
            return tune.Stopper, ()

    return Withdraw()


class _Nodes:
    """The cluster, looked at again every few seconds: nodes come and go."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.said = say, set[Shape]()
        self._looked, self._cluster = time.monotonic(), connection.look()

    @property
    def cluster(self) -> Cluster:
        """The cluster as it was a moment ago."""
        if time.monotonic() - self._looked > LOOK:
            self._looked, self._cluster = time.monotonic(), connection.look()
        return self._cluster

    def room(self, queue: Queue, at: Shape) -> bool:
        """Whether one more job of the shape is to wait or run; says once where no node can take it now."""
        have, wanted = self.cluster, queue.wanted
        if not have.takes(at):
            if at not in self.said:
                cpus, gpus = at
                self.say(f"no node is left that has {cpus} CPUs and {gpus:g} GPUs: waiting for one to come")
            self.said.add(at)
        return queue.in_flight[at] < have.admit(at, wanted)


def _trainable(options: Options) -> Callable[[dict[str, Any]], None]:
    def trial(config: dict[str, Any]) -> None:
        work(config["job"], options)

    return trial


def _placement(config: dict[str, Any]) -> Any:
    from ray import tune

    slot = config["job"].slot
    return tune.PlacementGroupFactory([{"CPU": slot.cpus, "GPU": slot.gpus}])


def _turns(searcher: Any) -> Any:
    from ray import tune

    class Turns(tune.Callback):
        """Tells the searcher of beginnings, without a report of the worker, and of deaths."""

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            searcher.begin(trial.trial_id)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            searcher.died(trial.trial_id, Path(trial.error_file).read_text())

    return Turns()


def _scheduler() -> Any:
    from ray.tune.schedulers import FIFOScheduler

    class AsTheyCome(FIFOScheduler):
        """Leaves the order to the searcher; Tune's own looks through all trials at each step."""

        def choose_trial_to_run(self, tune_controller: Any) -> None:
            return None

    return AsTheyCome()  # type: ignore[no-untyped-call]


def _searcher(queue: Queue, have: _Nodes) -> Any:
    import ray
    from ray.tune.search import Searcher

    class Release(Searcher):
        """Hands out ready jobs, and hears of artifacts while their job still runs."""

        def __init__(self) -> None:
            super().__init__()
            self.trials: dict[str, Job] = {}
            self.waiting: set[str] = set()  # handed to Tune, and not begun
            self.outcomes: dict[str, tuple[str, str]] = {}
            self.nodes: dict[str, str] = {}

        def suggest(self, trial_id: str) -> Any:
            if queue.stopping():
                self.withdraw()
            job = queue.next(lambda at: have.room(queue, at))
            if job:
                self.trials[trial_id] = job
                self.waiting.add(trial_id)
                return {"job": job}
            return Searcher.FINISHED if queue.over else None

        def withdraw(self) -> None:
            """Jobs that wait for a place would wait on, though nothing is to be started any more."""
            while self.waiting:
                queue.finish(self.trials.pop(self.waiting.pop()).key, STOPPED)

        def begin(self, trial_id: str) -> None:
            if trial_id in self.waiting:
                self.waiting.remove(trial_id)
                queue.emit({"event": "begin", "key": self.trials[trial_id].key})

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            if not (job := self.trials.get(trial_id)):
                return
            for event in json.loads(result.get("events", "[]")):  # Tune's own last word has none
                if event["event"] == "at":
                    self.nodes[job.key] = event["node"]
                    continue
                if event["event"] == "outcome":
                    self.outcomes[job.key] = event["outcome"], event["error"]
                    continue
                if event["event"] == "artifact":
                    queue.made(Artifact(job.kind, job.key, event["step"]))
                queue.emit(event)

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            if not error and (job := self.trials.pop(trial_id, None)):
                self.nodes.pop(job.key, "")
                queue.finish(job.key, *self.outcomes.pop(job.key, (DONE, "")))

        def died(self, trial_id: str, error: str) -> None:
            """The queue learns where: the loss of a node isn't the fault of its jobs."""
            self.waiting.discard(trial_id)
            if not (job := self.trials.pop(trial_id, None)):
                return
            if job.key in self.outcomes:  # it had ended, and said how
                queue.finish(job.key, *self.outcomes.pop(job.key))
                return
            at = self.nodes.pop(job.key, "")
            where = "gone" if NODE_DIED in error else at
            alive = {"", *(node["NodeID"] for node in ray.nodes() if node["Alive"])}
            last = (error.strip().splitlines() or [""])[-1][:300]
            queue.died(job.key, f"the worker process ended before the job did: {last}", where, alive)

        def __reduce__(self) -> Any:
            """Tune pickles its settings; a searcher read back from there is never used."""
            return Searcher, ()

        def save(self, checkpoint_path: str) -> None:
            """Nothing to keep: the store remembers."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing to restore: each start is a fresh experiment."""

    return Release()
