"""What fits where: jobs of a shape on the nodes that a cluster has, and on those that it can start.

Counted node by node, since a job needs one node that has all it asks for. What can be started is what
Ray's own launcher was told; it leaves that file on the head, where a submitted sweep runs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from randteach.engine.queue import Shape
from randteach.jobs import Job
from randteach.setting import UserError

BOOTSTRAP = Path("~/ray_bootstrap_config.yaml")
PENDING = 100  # most jobs of a shape that wait: demand that the autoscaler sees, bounded for Tune


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

    def beside(self, shapes: Iterable[Shape]) -> "Node":
        """What is left for jobs without a GPU where those of `shapes` keep all GPUs busy."""
        taken = max((self.holds(at) * at[0] for at in shapes if at[1]), default=0)
        return Node(self.cpus - taken)


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

    def slots(self, at: Shape, wanted: Iterable[Shape] = ()) -> int:
        """How many jobs of a shape fit now; those without a GPU beside the wanted ones that have one."""
        return sum(count * self._room(node, at, wanted) for node, count in self.here.items())

    def could(self, at: Shape, wanted: Iterable[Shape] = ()) -> int:
        """How many fit once as many nodes as possible have been started, those first that hold most."""
        total, left = 0, self.most
        for room, count in sorted(
            ((self._room(n, at, wanted), c) for n, c in self.types.items()), reverse=True
        ):
            total, left = total + room * min(count, left), left - min(count, left)
        return total

    def admit(self, at: Shape, wanted: Iterable[Shape] = ()) -> int:
        """How many jobs of a shape Tune is given: those that fit, and some that wait.

        As many wait as run, since Tune keeps a worker warm only for a job that waits; and as many as nodes
        could be started for, which is how the autoscaler hears of them.
        """
        now = self.slots(at, wanted)
        waiting = max(1, now, self.could(at, wanted) - now)
        return now + min(waiting, PENDING)

    def takes(self, at: Shape) -> bool:
        """Whether a job of the shape can be placed, now or once a node has been started."""
        return any(node.holds(at) for node in (*self.here, *(self.types if self.most else ())))

    def check(self, jobs: Iterable[Job]) -> None:
        """UserError for a job that can never be placed."""
        for job in {(job.kind, job.slot.cpus, job.slot.gpus): job for job in jobs}.values():
            cpus, gpus = job.slot.cpus, job.slot.gpus
            asked = f"resources.{job.kind}: cpus={cpus} gpus={gpus:g}"
            if gpus > 1 and gpus % 1:
                raise UserError(f"{asked}: Ray gives fractions of one GPU, or whole ones; round it")
            if not self.takes((cpus, gpus)) and not self.unknown:
                raise UserError(
                    f"{asked} never fit on a node; {_largest(self, bool(gpus))}; lower "
                    f"resources.{job.kind}.cpus or .gpus, or add a node that has them"
                )

    @staticmethod
    def _room(node: Node, at: Shape, wanted: Iterable[Shape]) -> int:
        return (node if at[1] else node.beside(wanted)).holds(at)


def _largest(cluster: Cluster, gpus: bool) -> str:
    def most(nodes: Iterable[Node]) -> str:
        best = max(nodes, key=lambda node: (node.gpus, node.cpus) if gpus else (node.cpus, node.gpus))
        return f"{best.cpus:g} CPUs and {best.gpus:g} GPUs"

    said = f"the largest that is there has {most(cluster.here)}" if cluster.here else "there is none"
    return said + (f", the largest that can be started {most(cluster.types)}" if cluster.types else "")


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
