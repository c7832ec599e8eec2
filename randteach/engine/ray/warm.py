"""Workers kept warm between jobs, as long as nothing that waits could use their place.

Tune alone keeps an idle worker only where a trial of its shape waits already. Probes come in bursts, one
below each student: workers started anew for each burst would pay their imports each time, and trials
that wait in order to keep them would take the CPUs of a GPU whose worker has just ended.
"""

import time
from collections import Counter
from collections.abc import Generator
from typing import Any, Protocol

from randteach.engine.queue import Queue, Shape
from randteach.engine.ray.placement import Cluster

KEEP = 30.0  # seconds that an idle worker stays: to other sweeps and the autoscaler its place is taken


class Nodes(Protocol):
    """Knows the cluster as it is now."""

    @property
    def cluster(self) -> Cluster:
        """The cluster as it was a moment ago."""


def stays(at: Shape, waiting: dict[Shape, int], queue: Queue, cluster: Cluster) -> bool:
    """Whether idle workers of a shape stay, where so many jobs of each shape wait for a place."""
    wanted = queue.wanted
    if queue.ready(at):
        return True
    return bool(wanted) and not any(
        count > 0 and other != at and queue.in_flight[other] - count < cluster.slots(other, wanted)
        for other, count in waiting.items()
    )


def cache(queue: Queue, nodes: Nodes) -> type[Any]:
    """The class of what Tune's controller keeps idle actors in."""
    from ray.tune.utils.object_cache import _ObjectCache

    class Warm(_ObjectCache):
        """Tune's own cache, which also keeps workers that may stay."""

        def __init__(self, may_keep_one: bool = True) -> None:
            super().__init__(may_keep_one)
            self.since: dict[Any, float] = {}
            self.handed: Counter[Any] = Counter()  # to trials that have yet to start

        def cache_object(self, key: Any, obj: Any) -> bool:
            self.since[obj] = time.monotonic()
            self._cached_objects[key].append(obj)
            self._num_cached_objects += 1
            return True

        def pop_cached_object(self, key: Any) -> Any:
            obj = super().pop_cached_object(key)
            self.handed[key] += obj is not None
            return obj

        def decrease_max(self, key: Any, by: int = 1) -> None:
            super().decrease_max(key, by)
            self.handed[key] = max(0, self.handed[key] - by)

        def flush_cached_objects(self, force_all: bool = False) -> Generator[Any]:
            waiting = {
                _shape(key): staged - self.handed[key] - len(self._cached_objects.get(key, ()))
                for key, staged in self._max_num_objects.items()
            }
            for key, idle in self._cached_objects.items():
                if not idle:
                    continue
                most = 0 if force_all else self._max_num_objects[key]
                keep = not force_all and stays(_shape(key), waiting, queue, nodes.cluster)
                while len(idle) > most and not (keep and time.monotonic() - self.since[idle[0]] < KEEP):
                    self._num_cached_objects -= 1
                    del self.since[idle[0]]
                    yield idle.pop(0)

    return Warm


def _shape(placement: Any) -> Shape:
    asked = placement.required_resources
    return int(asked["CPU"]), float(asked.get("GPU", 0))
