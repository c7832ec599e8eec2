"""Jobs as Ray Tune trials: a searcher releases those whose parents are there.

Each start is a fresh Tune experiment on what is missing; the store, not Tune, remembers. Tune asks the
searcher for trials one by one and would count pending ones of all shapes together, so the searcher
itself admits jobs: as many as fit of each shape, and one more, so that no slot waits for the driver.
"""

import json
import logging
import os
import tempfile
from collections.abc import Callable
from typing import Any

from randteach import security
from randteach.engine import nodes
from randteach.engine.queue import DONE, Queue, Shape
from randteach.engine.worker import Options, work
from randteach.jobs import Artifact, Job
from randteach.setting import UserError

LOOKAHEAD = 1
SETTINGS = {
    "MALLOC_ARENA_MAX": "1",  # a trial runs in a thread of its own; see numerics.KEPT_PAGES
    "RAY_AUTH_MODE": "token",  # Ray binds its ports on all interfaces; the token keeps strangers out
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_MAX_PENDING_TRIALS_PG": "4096",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}
OF_WORKERS = ("MALLOC_ARENA_MAX", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO")  # told to a cluster's workers


def run(queue: Queue, options: Options, address: str | None = None) -> None:
    """Make all that the queue holds; a failed job does not stop the others.

    Raises UserError where Ray can't be started or reached, or where a job can never be placed.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in SETTINGS.items()})
    import ray
    from ray import tune

    connect(address)
    try:
        if address:
            nodes.check_code()
        slots = _slots(queue, ray.cluster_resources())
        with tempfile.TemporaryDirectory(prefix="randteach-") as folder:
            searcher = _searcher(queue, slots)
            tuner = tune.Tuner(
                tune.with_resources(_trainable(options), _placement),
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    num_samples=-1,
                    reuse_actors=True,
                    trial_name_creator=lambda trial: trial.trial_id,
                    trial_dirname_creator=lambda trial: trial.trial_id,
                ),
                run_config=tune.RunConfig(
                    storage_path=folder,
                    verbose=0,
                    callbacks=[_beginnings(searcher)],
                    failure_config=tune.FailureConfig(max_failures=0),
                ),
            )
            tuner.fit()
    finally:
        ray.shutdown()


def connect(address: str | None) -> None:
    """Reach a running cluster, or start Ray here; UserError where that fails or would not be safe."""
    security.check()
    security.ensure_token()
    import ray

    try:
        if address:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": {name: SETTINGS[name] for name in OF_WORKERS}},
            )
        else:
            ray.init(
                address="local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=100 << 20,
            )
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"--address {address or 'local'}: Ray can't be started or reached ({reason}); "
            "--local runs without it"
        ) from None


def _trainable(options: Options) -> Callable[[dict[str, Any]], None]:
    def trial(config: dict[str, Any]) -> None:
        work(config["job"], options)

    return trial


def _placement(config: dict[str, Any]) -> Any:
    from ray import tune

    slot = config["job"].slot
    return tune.PlacementGroupFactory([{"CPU": slot.cpus, "GPU": slot.gpus}])


def _slots(queue: Queue, have: dict[str, float]) -> dict[Shape, int]:
    """How many jobs of each shape fit at once; UserError for a shape that never does."""
    slots: dict[Shape, int] = {}
    for job in queue.jobs.values():
        cpus, gpus = at = (job.slot.cpus, job.slot.gpus)
        if at not in slots:
            fits = have.get("CPU", 0) / cpus
            slots[at] = int(min(fits, have.get("GPU", 0) / gpus) if gpus else fits)
        if not slots[at]:
            raise UserError(
                f"resources.{job.kind}: cpus={cpus} gpus={gpus:g} never fit; there are "
                f"{have.get('CPU', 0):g} CPUs and {have.get('GPU', 0):g} GPUs; ask for less"
            )
    return slots


def _beginnings(searcher: Any) -> Any:
    from ray import tune

    class Beginnings(tune.Callback):
        """Tells the driver that a job begins, without a report of the worker."""

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            searcher.begin(trial.trial_id)

    return Beginnings()


def _searcher(queue: Queue, slots: dict[Shape, int]) -> Any:
    from ray.tune.search import Searcher

    class Release(Searcher):
        """Hands out ready jobs, and hears of artifacts while their job still runs."""

        def __init__(self) -> None:
            super().__init__()
            self.trials: dict[str, Job] = {}
            self.outcomes: dict[str, tuple[str, str]] = {}

        def suggest(self, trial_id: str) -> Any:
            job = queue.next(lambda at: queue.in_flight[at] < slots[at] + LOOKAHEAD)
            if job:
                self.trials[trial_id] = job
                return {"job": job}
            return Searcher.FINISHED if queue.over else None

        def begin(self, trial_id: str) -> None:
            queue.emit({"event": "begin", "key": self.trials[trial_id].key})

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            job = self.trials[trial_id]
            for event in json.loads(result.get("events", "[]")):  # Tune's own last word has none
                if event["event"] == "outcome":
                    self.outcomes[job.key] = event["outcome"], event["error"]
                    continue
                if event["event"] == "artifact":
                    queue.made(Artifact(job.kind, job.key, event["step"]))
                queue.emit(event)

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            job = self.trials.pop(trial_id)
            outcome = self.outcomes.pop(job.key, (DONE, ""))
            if error and outcome[0] == DONE:
                queue.died(job.key, "the worker process ended before the job did")
            else:
                queue.finish(job.key, *outcome)

        def __reduce__(self) -> Any:
            """Tune pickles its settings; a searcher read back from there is never used."""
            return Searcher, ()

        def save(self, checkpoint_path: str) -> None:
            """Nothing to keep: the store remembers."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing to restore: each start is a fresh experiment."""

    return Release()
