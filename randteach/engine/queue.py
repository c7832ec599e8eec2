"""Which job may start: one whose parents are there, first by rank, where its shape has room."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from randteach.config import Slot
from randteach.engine.execute import Event
from randteach.records import Artifact, Job
from randteach.stages.recorder import DIVERGED, SKIPPED
from randteach.store import Store

FAILED_PARENT = "skipped: parent failed"
Shape = tuple[int, float]


def shape(slot: Slot) -> Shape:
    """What a job asks of a machine: CPUs and GPUs."""
    return slot.cpus, slot.gpus


class Queue:
    """The missing jobs of a plan; artifacts release them, failures and divergence end them."""

    def __init__(self, missing: Iterable[Job], store: Store, emit: Callable[[Event], None]) -> None:
        self.store, self.emit = store, emit
        self.jobs = {job.key: job for job in missing}
        self.ended: dict[str, str] = {}
        self.running: set[str] = set()
        self.in_flight: Counter[Shape] = Counter()
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
        for parent in list(self._children):
            if store.has(parent):
                self.made(parent)

    def made(self, artifact: Artifact) -> None:
        """An artifact is in the store: its children have one parent less to wait for."""
        if artifact in self._made:
            return
        self._made.add(artifact)
        children = self._children.get(artifact, [])
        if children and self.store.marker(artifact).status == DIVERGED:
            self._skip(children, SKIPPED)
        for key in children:
            waiting = self._blocked.get(key)
            if waiting is not None:
                waiting.discard(artifact)
                if not waiting:
                    self._release(self.jobs[key])

    def next(self, room: Callable[[Shape], bool] = lambda shape: True) -> Job | None:
        """The first ready job of a shape that has room, now running; None where there is none."""
        heads = [(heap[0], at) for at, heap in self._ready.items() if heap and room(at)]
        if not heads:
            return None
        at = min(heads)[1]
        job = self.jobs[heapq.heappop(self._ready[at])[1]]
        self.running.add(job.key)
        self.in_flight[at] += 1
        return job

    def finish(self, key: str, error: str = "") -> None:
        """A running job has ended; what waits for artifacts that it failed to make is skipped."""
        job = self.jobs[key]
        self.running.discard(key)
        self.in_flight[shape(job.slot)] -= 1
        self._end(key, "failed" if error else "done", error)
        for artifact in job.artifacts:
            if not error:
                self.made(artifact)
            elif artifact not in self._made:
                self._skip(self._children.get(artifact, []), FAILED_PARENT)

    @property
    def over(self) -> bool:
        """Every job has ended."""
        return len(self.ended) == len(self.jobs)

    def _release(self, job: Job) -> None:
        del self._blocked[job.key]
        heapq.heappush(self._ready[shape(job.slot)], (job.rank, job.key))

    def _skip(self, keys: Iterable[str], status: str) -> None:
        for key in keys:
            if self._blocked.pop(key, None) is not None:
                self._end(key, status)
                for artifact in self.jobs[key].artifacts:
                    self._skip(self._children.get(artifact, []), status)

    def _end(self, key: str, status: str, error: str = "") -> None:
        self.ended[key] = status
        self.emit({"event": "end", "key": key, "status": status, "error": error})
