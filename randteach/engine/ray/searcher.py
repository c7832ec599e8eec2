"""Tune's searcher: it hands out ready jobs as trials, and hears what becomes of them.

Tune asks for trials one by one and would count pending ones of all shapes together, so jobs are admitted
here by shape, by what the cluster has at the time and what it can start (`placement`).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from randteach.engine import events
from randteach.engine.events import Began, Committed, Event, Placed, Refused, Returned
from randteach.engine.queue import DONE, FAILED, STOPPED, Queue, Shape
from randteach.engine.ray import connection, nodes
from randteach.engine.ray.placement import Cluster
from randteach.identity.artifact import Artifact
from randteach.jobs import wire
from randteach.jobs.job import Job

NODE_DIED = "node has died"  # how Ray's word on an actor's death begins where its node went
LOOK = 2.0  # seconds between looks at which nodes there are
SICK = 5  # jobs that fail in a row on one node of several, after which nothing more is given out


class Nodes:
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


def make(queue: Queue, have: Nodes) -> Any:
    """Tune's searcher over a queue: it suggests jobs, and hears what became of them."""
    from ray.tune.search import Searcher

    class Release(Searcher):
        """Hands out ready jobs, and hears of artifacts while their job still runs."""

        def __init__(self) -> None:
            super().__init__()
            self.trials: dict[str, Job] = {}
            self.waiting: set[str] = set()  # handed to Tune, and not begun
            self.outcomes: dict[str, tuple[str, str]] = {}
            self.nodes: dict[str, str] = {}
            self.failed: Counter[str] = Counter()  # jobs in a row, by node
            self.trouble: OSError | None = None

        @contextmanager
        def _hearing(self) -> Iterator[None]:
            """Keep store errors until `suggest`: Tune loses those that are raised elsewhere."""
            try:
                yield
            except OSError as error:
                self.trouble = self.trouble or error

        def suggest(self, trial_id: str) -> Any:
            if self.trouble:
                raise self.trouble
            if queue.stopping():
                self.withdraw()
            job = queue.next(lambda at: have.room(queue, at))
            if job:
                self.trials[trial_id] = job
                self.waiting.add(trial_id)
                return {"job": wire.dumps(job), "cpus": job.slot.cpus, "gpus": job.slot.gpus}
            return Searcher.FINISHED if queue.over else None

        def withdraw(self) -> None:
            """Take back the jobs that still wait for a place in Tune."""
            while self.waiting:
                queue.finish(self.trials.pop(self.waiting.pop()).key, STOPPED)

        def begin(self, trial_id: str) -> None:
            if trial_id in self.waiting:
                self.waiting.remove(trial_id)
                queue.emit(Began(self.trials[trial_id].key))

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            if not (job := self.trials.get(trial_id)):
                return
            with self._hearing():
                for event in events.loads(result.get("events", "[]")):  # Tune's own last word has none
                    self._hear(job, event)

        def _hear(self, job: Job, event: Event) -> None:
            match event:
                case Placed(node=node):
                    self.nodes[job.key] = node
                case Returned(outcome=outcome, error=error):
                    self.outcomes[job.key] = outcome, error
                case Committed(step=step):
                    queue.made(Artifact(job.kind, job.key, step))
                    queue.emit(event)
                case _:
                    queue.emit(event)

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            if not error and (job := self.trials.pop(trial_id, None)):
                with self._hearing():
                    self._finish(job)

        def _finish(self, job: Job) -> None:
            outcome, error = self.outcomes.pop(job.key, (DONE, ""))
            queue.finish(job.key, outcome, error)
            at = self.nodes.pop(job.key, "")
            if outcome in (DONE, FAILED):
                self.failed[at] = self.failed[at] + 1 if outcome == FAILED else 0
            if self.failed[at] >= SICK and len(there := nodes.names()) > 1:
                why = f"node {there.get(at, at)}: the last {SICK} jobs there failed ({_last_line(error)}). "
                why += "Mend it, or take it away, if it isn't the jobs: `randteach doctor` tries each node"
                queue.emit(Refused(job.key, why))

        def died(self, trial_id: str, error: str) -> None:
            """Tell the queue where a worker died: a lost node isn't the fault of its jobs."""
            self.waiting.discard(trial_id)
            if not (job := self.trials.pop(trial_id, None)):
                return
            with self._hearing():
                if job.key in self.outcomes:  # it had ended, and said how
                    self._finish(job)
                    return
                at = self.nodes.pop(job.key, "")
                where = "gone" if NODE_DIED in error else at
                said = f"the worker process ended before the job did: {_last_line(error)}"
                queue.died(job.key, said, where, {"", *nodes.names()})

        def __reduce__(self) -> Any:
            """Tune pickles its settings; a searcher read back from there is never used."""
            return Searcher, ()

        def save(self, checkpoint_path: str) -> None:
            """Nothing to keep: the store remembers."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing to restore: each start is a fresh experiment."""

    return Release()


def _last_line(error: str) -> str:
    return (error.strip().splitlines() or [""])[-1][:300]
