"""Jobs as Ray Tune trials: a searcher releases those whose parents are there.

Each start is a fresh Tune experiment on what is missing; the store, not Tune, remembers.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from randteach.engine.queue import Queue
from randteach.engine.ray import connection, nodes, searcher, warm
from randteach.engine.ray.worker import Options, work


def run(queue: Queue, options: Options, address: str | None, say: Callable[[str], None]) -> None:
    """Make all that the queue holds; a failed job does not stop the others. `say` tells the user.

    Raises UserError where Ray can't be started or reached, or where a job can never be placed.
    """
    with connection.connected(address) as folder, queue.store.reached():
        if queue.stopping():  # while Ray started
            return
        if address:
            nodes.check(options.store, options.session, say)
        have = searcher.Nodes(say)
        have.cluster.check(queue.jobs.values())
        release = searcher.make(queue, have)
        from ray.tune.execution import tune_controller

        tune_controller._ObjectCache = warm.cache(queue, have)  # type: ignore[attr-defined]
        _tuner(queue, options, release, folder).fit()
        if release.trouble:  # in its last word, after which Tune asked for nothing more
            raise release.trouble


def _tuner(queue: Queue, options: Options, release: Any, folder: Path) -> Any:
    from ray import tune

    return tune.Tuner(
        tune.with_resources(_trainable(options), _placement),
        tune_config=tune.TuneConfig(
            search_alg=release,
            scheduler=_scheduler(),
            num_samples=-1,
            reuse_actors=True,
            trial_name_creator=lambda trial: trial.trial_id,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            storage_path=str(folder / "tune"),
            verbose=0,
            stop=_stopper(queue),
            callbacks=[_turns(release)],
            failure_config=tune.FailureConfig(max_failures=0),
        ),
    )


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


def _trainable(options: Options) -> Callable[[dict[str, Any]], None]:
    def trial(config: dict[str, Any]) -> None:
        work(config["job"], options)

    return trial


def _placement(config: dict[str, Any]) -> Any:
    from ray import tune

    return tune.PlacementGroupFactory([{"CPU": config["cpus"], "GPU": config["gpus"]}])


def _turns(release: Any) -> Any:
    from ray import tune

    class Turns(tune.Callback):
        """Tell the searcher when trials begin and when their workers die."""

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            release.begin(trial.trial_id)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            release.died(trial.trial_id, Path(trial.error_file).read_text())

    return Turns()


def _scheduler() -> Any:
    from ray.tune.schedulers import FIFOScheduler

    class AsTheyCome(FIFOScheduler):
        """Leaves the order to the searcher; Tune's own looks through all trials at each step."""

        def choose_trial_to_run(self, tune_controller: Any) -> None:
            return None

    return AsTheyCome()  # type: ignore[no-untyped-call]
