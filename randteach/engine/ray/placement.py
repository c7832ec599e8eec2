"""What fits where: jobs of a shape on the nodes that a cluster has, and on those that it can start.

Counted node by node, since a job needs one node that has all it asks for. What can be started is what
Ray's own launcher was told; it leaves that file on the head, where a submitted sweep runs.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from randteach.engine.queue import Shape
from randteach.errors import UserError
from randteach.jobs.job import Job
from randteach.kinds import KINDS

BOOTSTRAP = Path("~/ray_bootstrap_config.yaml")
LIMIT = Path("/sys/fs/cgroup/cpu.max")  # a container's CPU time, and of what
PENDING = 100  # most jobs of a shape that wait for nodes to be started, bounded for Tune


@dataclass(frozen=True)
class Node:
    """What a machine has."""

    cpus: float = 0.0
    gpus: float = 0.0

    def holds(self, at: Shape) -> int:
        """How many jobs of a shape fit at once; fractions never span two GPUs."""
        cpus, gpus = at
        fits = int(self.cpus // cpus)
        if not gpus:
            return fits
        most = int(self.gpus) * int(1 / gpus + 1e-9) if gpus < 1 else int(self.gpus // gpus)
        return min(fits, most)


@dataclass(frozen=True)
class Cluster:
    """The nodes that are there, those that can be started, and how many of these at once."""

    here: Mapping[Node, int]
    types: Mapping[Node, int] = field(default_factory=dict)
    most: int = 0
    unknown: bool = False  # nodes can come of which nobody knows what they have

    @property
    def gpus(self) -> bool:
        """Whether there is a GPU, or can be."""
        return any(node.gpus for node in (*self.here, *self.types))

    def slots(self, at: Shape, wanted: Mapping[Shape, int] = MappingProxyType({})) -> int:
        """How many jobs of a shape fit now; those without a GPU beside the wanted ones that have one."""
        return _fit(self.here, at, wanted)

    def could(self, at: Shape, wanted: Mapping[Shape, int] = MappingProxyType({})) -> int:
        """How many fit once as many nodes as possible have been started, those first that hold most."""
        started, left = (
            {node: count for node, count in self.here.items() if node not in self.types},
            self.most,
        )
        for node in sorted(self.types, key=lambda node: node.holds(at), reverse=True):
            started[node] = min(self.types[node], left)
            left -= started[node]
        return _fit(started, at, wanted)

    def admit(self, at: Shape, wanted: Mapping[Shape, int] = MappingProxyType({})) -> int:
        """How many jobs of a shape Tune is given: those that fit, and those that nodes could be started for.

        The autoscaler hears of the latter since they wait. Nothing else waits in Tune: it would take
        places as they come free, in whatever order. Where nothing fits, one waits for its turn.
        """
        now = self.slots(at, wanted)
        coming = max(0, self.could(at, wanted) - now)
        return max(1, now + min(coming, PENDING))

    def takes(self, at: Shape) -> bool:
        """Whether a job of the shape can be placed, now or once a node has been started."""
        return any(node.holds(at) for node in (*self.here, *(self.types if self.most else ())))

    def check(self, jobs: Iterable[Job]) -> None:
        """UserError for a job that can never be placed."""
        for job in {(job.kind, job.slot.cpus, job.slot.gpus): job for job in jobs}.values():
            cpus, gpus = job.slot.cpus, job.slot.gpus
            section = KINDS[job.kind].resources
            asked = f"resources.{section}: cpus={cpus} gpus={gpus:g}"
            if gpus > 1 and gpus % 1:
                raise UserError(f"{asked}: Ray gives fractions of one GPU, or whole ones; round it")
            if not self.takes((cpus, gpus)) and not self.unknown:
                raise UserError(
                    f"{asked} never fit on a node; {_largest(self, bool(gpus))}; lower "
                    f"resources.{section}.cpus or .gpus, or add a node that has them"
                )


def _fit(nodes: Mapping[Node, int], at: Shape, wanted: Mapping[Shape, int]) -> int:
    """Jobs of a shape on these nodes; a job without a GPU leaves the CPUs of those that have one."""
    left = {} if at[1] else {shape: count for shape, count in wanted.items() if shape[1]}
    total = 0
    for node in (node for node, count in nodes.items() for _ in range(count)):
        taken = 0
        for shape, count in left.items():
            placed = min(node.holds(shape), count)
            left[shape] -= placed
            taken = max(taken, placed * shape[0])
        total += Node(node.cpus - taken, node.gpus).holds(at)
    return total


def _largest(cluster: Cluster, gpus: bool) -> str:
    def most(nodes: Iterable[Node]) -> str:
        best = max(nodes, key=lambda node: (node.gpus, node.cpus) if gpus else (node.cpus, node.gpus))
        return f"{best.cpus:g} CPUs and {best.gpus:g} GPUs"

    said = f"the largest that is there has {most(cluster.here)}" if cluster.here else "there is none"
    return said + (f", the largest that can be started {most(cluster.types)}" if cluster.types else "")


def machine() -> Cluster:
    """This machine alone, with the cores that this process may use."""
    import torch

    cpus = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):  # "max 100000" where a container is not limited
        quota, period = map(int, LIMIT.read_text().split())
        cpus = max(1, min(cpus, quota // period))
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return Cluster({Node(float(cpus), float(gpus)): 1})


def read(nodes: Iterable[Mapping[str, Any]], config: Mapping[str, Any] | None = None) -> Cluster:
    """A cluster from what `ray.nodes()` says, and from what its launcher was told, where that is known."""
    here = Counter(_node(node["Resources"]) for node in nodes if node["Alive"])
    types: Counter[Node] = Counter()
    config = config or {}
    most, unknown = int(config.get("max_workers") or 0), False
    for name, kind in (config.get("available_node_types") or {}).items():
        count = int(kind.get("max_workers", 0 if name == config.get("head_node_type") else most))
        node = _node(kind.get("resources") or {})
        unknown |= count > 0 and not node.cpus
        if count and node.cpus:
            types[node] += count
    return Cluster(here, types, min(most, sum(types.values())), unknown and sum(here.values()) <= most)


def _node(resources: Mapping[str, float]) -> Node:
    return Node(float(resources.get("CPU", 0)), float(resources.get("GPU", 0)))
