"""Decide which job starts: the first by rank whose parents are there and whose shape has room."""

import errno
import heapq
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from functools import partial

from randteach.config.schema import Slot
from randteach.engine.claims import Claims, Free
from randteach.engine.events import Again, Ended, Event, Halted, Waiting
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Job
from randteach.stages.recorder import SKIPPED
from randteach.store.store import GONE, Store

DONE, FAILED, STOPPED = "done", "failed", "stopped"
FAILED_PARENT = "skipped: parent failed"
POSTPONED = "postponed: parent damaged"  # until the parent has been made again
DEATHS = 3  # of a job's worker process on nodes that live on, after which the job itself is to blame
LOSSES = 10  # of the nodes that a job was on, after which it is not tried again
LOOK = 0.5  # seconds between looks at what other sweeps do
Shape = tuple[int, float]


def shape(slot: Slot) -> Shape:
    """What a job asks of a machine: CPUs and GPUs."""
    return slot.cpus, slot.gpus


class Queue:
    """The missing jobs of a plan; artifacts release them, failures and divergence end them."""

    def __init__(
        self,
        missing: Iterable[Job],
        store: Store,
        emit: Callable[[Event], None],
        claims: Claims | None = None,
        stopping: Callable[[], str] = str,
        retry: int = 0,
    ) -> None:
        self.store, self.emit, self.stopping, self.retry = store, emit, stopping, retry
        self.claims = claims or Free()
        self.jobs = {job.key: job for job in missing}
        self.ended: dict[str, str] = {}
        self.running: set[str] = set()
        self.tried: set[str] = set()  # handed out at least once
        self.elsewhere: dict[str, Job] = {}  # other sweeps are at these
        self.waits: dict[str, str] = {}  # for what
        self.in_flight: Counter[Shape] = Counter()
        self.tries: Counter[tuple[str, str]] = Counter()
        self.deaths: defaultdict[str, list[str]] = defaultdict(list)
        self._looked = 0.0
        self._blocked: dict[str, set[Artifact]] = {}
        self._children: defaultdict[Artifact, list[str]] = defaultdict(list)
        self._ready: defaultdict[Shape, list[tuple[tuple[int, ...], str]]] = defaultdict(list)
        self._made: set[Artifact] = set()
        for job in self.jobs.values():
            self._blocked[job.key] = set(job.parents)
            for parent in job.parents:
                self._children[parent].append(job.key)
            if not job.parents:
                self._release(job)
        coming = {artifact for job in self.jobs.values() for artifact in job.artifacts}
        for parent in list(self._children):
            if store.has(parent):
                self.made(parent)
            elif parent not in coming:  # set aside since the plan
                self._skip(self._children[parent], POSTPONED)

    def made(self, artifact: Artifact) -> None:
        """An artifact is in the store: its children have one parent less to wait for."""
        if artifact in self._made:
            return
        self._made.add(artifact)
        if artifact.kind != "state" and artifact.step is not None:
            state = replace(artifact, kind="state")  # which is committed before its snapshot
            if state in self._children and self.store.has(state):
                self.made(state)
        children = self._children.get(artifact, [])
        if children and self.store.diverged(artifact):
            self._skip(children, SKIPPED)
        for key in children:
            waiting = self._blocked.get(key)
            if waiting is not None:
                waiting.discard(artifact)
                if not waiting:
                    self._release(self.jobs[key])

    def next(self, room: Callable[[Shape], bool] = lambda shape: True) -> Job | None:
        """The first ready job of a shape that has room, now running; None where there is none.

        What another sweep is at is left to it and looked at again later; what it has made is taken.
        """
        self._look()
        while not self.stopping():
            heads = [(heap[0], at) for at, heap in self._ready.items() if heap and room(at)]
            if not heads:
                return None
            at = min(heads)[1]
            job = self.jobs[heapq.heappop(self._ready[at])[1]]
            if not self._claim(job):
                continue
            if all(self.store.has(artifact) for artifact in job.artifacts):
                self._adopt(job)
            else:
                self.running.add(job.key)
                self.tried.add(job.key)
                self.in_flight[at] += 1
                return job
        return None

    def _claim(self, job: Job) -> bool:
        """Claim a job, or remember that another sweep has it; it fails if nobody can tell for too long."""
        try:
            if self.claims.take(job, partial(self._wait, job.key)):
                self.elsewhere.pop(job.key, None)
                self._wait(job.key, "")
                return True
            self.elsewhere[job.key] = job
        except OSError as error:
            self._store_is_there()
            self.elsewhere.pop(job.key, None)
            self._end(job.key, FAILED, f"could not be claimed for too long: {error}")
            for artifact in job.artifacts:
                self._skip(self._children.get(artifact, []), FAILED_PARENT)
        return False

    def _wait(self, key: str, why: str) -> None:
        """Report what a job waits for, if that has changed; empty: it waits no more."""
        if self.waits.get(key, "") != why:
            self.waits[key] = why
            self.emit(Waiting(key, why))

    def finish(self, key: str, outcome: str = DONE, error: str = "") -> None:
        """A running job has ended; one that failed is tried again as often as `retry` says.

        What waits for artifacts that the job did not make is skipped. FileNotFoundError where the store
        has gone, which is no job's failure.
        """
        if outcome in (FAILED, POSTPONED):
            self._store_is_there()
        job = self._leave(key)
        if outcome == FAILED and not self.stopping() and self._again(job, FAILED, self.retry):
            return
        if outcome == STOPPED:
            self.emit(Halted(key))
        else:
            self._end(key, outcome, error)
        self.claims.release(key)
        for artifact in job.artifacts:
            if outcome == DONE:
                self.made(artifact)
            elif outcome != STOPPED and artifact not in self._made:
                because = FAILED_PARENT if outcome == FAILED else outcome
                self._skip(self._children.get(artifact, []), because)

    def died(self, key: str, error: str, where: str = "", alive: Container[str] = ("",)) -> None:
        """Handle the end of a running job's process, which is most often not the job's fault.

        `where` is its node and `alive` the nodes that there are: one that has gone took its jobs with it,
        and such a death does not count with the others, even where it was seen before the node's.
        """
        self.deaths[key].append(where)
        counted = sum(node in alive for node in self.deaths[key])
        lost = len(self.deaths[key]) - counted
        if not self.stopping() and counted < DEATHS and lost < LOSSES:
            self._once_more(self.jobs[key], "died" if where in alive else "node")
            self._leave(key)
        else:
            self.finish(key, STOPPED if self.stopping() else FAILED, error)

    @property
    def wanted(self) -> Counter[Shape]:
        """How many jobs of each shape are ready, or handed out."""
        return self.in_flight + Counter({at: len(heap) for at, heap in self._ready.items()})

    def ready(self, at: Shape) -> bool:
        """Whether a job of the shape could be handed out now."""
        return bool(self._ready.get(at))

    @property
    def over(self) -> bool:
        """Every job has ended, or nothing runs and nothing is to be started any more."""
        return len(self.ended) == len(self.jobs) or bool(self.stopping() and not self.running)

    def _store_is_there(self) -> None:
        if self.store.gone():
            raise FileNotFoundError(errno.ENOENT, GONE, self.store.address)

    def _leave(self, key: str) -> Job:
        job = self.jobs[key]
        self.running.discard(key)
        self.in_flight[shape(job.slot)] -= 1
        return job

    def _again(self, job: Job, why: str, most: int) -> bool:
        self.tries[job.key, why] += 1
        if self.tries[job.key, why] > most:
            return False
        self._once_more(job, why)
        return True

    def _once_more(self, job: Job, why: str) -> None:
        self.emit(Again(job.key, why))
        heapq.heappush(self._ready[shape(job.slot)], (job.rank, job.key))

    def _look(self) -> None:
        """See which jobs other sweeps have made meanwhile, and which they have given up."""
        if not self.elsewhere or time.monotonic() - self._looked < max(LOOK, self.store.storage.pause):
            return
        for key, job in list(self.elsewhere.items()):
            there = [artifact for artifact in job.artifacts if self.store.has(artifact)]
            for artifact in there:
                self.made(artifact)
            if len(there) == len(job.artifacts):
                del self.elsewhere[key]
                self._adopt(job)
            elif self._claim(job):
                heapq.heappush(self._ready[shape(job.slot)], (job.rank, key))
        self._looked = time.monotonic()

    def _adopt(self, job: Job) -> None:
        """Take a job as made: by another sweep, or by a worker that died right after."""
        self._end(job.key, DONE, theirs=job.key not in self.tried)
        self.claims.release(job.key)
        for artifact in job.artifacts:
            self.made(artifact)

    def _release(self, job: Job) -> None:
        del self._blocked[job.key]
        heapq.heappush(self._ready[shape(job.slot)], (job.rank, job.key))

    def _skip(self, keys: Iterable[str], status: str) -> None:
        for key in keys:
            if self._blocked.pop(key, None) is not None:
                self._end(key, status)
                for artifact in self.jobs[key].artifacts:
                    self._skip(self._children.get(artifact, []), status)

    def _end(self, key: str, status: str, error: str = "", *, theirs: bool = False) -> None:
        self.ended[key] = status
        self.emit(Ended(key, status, error, theirs))
