"""What is asked of every node of a Ray cluster: at first whether it has the driver's code."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from randteach import code
from randteach.setting import UserError

PATIENCE = 120.0  # seconds for a node's first worker, which imports torch
MEND = (
    "`ray up --yes infra/cluster.yaml`, or the file that the cluster is from, brings all nodes to the same "
    "code; it restarts Ray, and a sweep goes on when it is submitted again"
)


@dataclass(frozen=True)
class Answer:
    """What a node says, or why it says nothing; by this machine's clock, it spoke between two moments."""

    node: str
    asked: float
    heard: float
    value: Any = None
    error: str = ""


def on_each(question: Callable[[], Any]) -> list[Answer]:
    """Call a function of an installed module on every node that is there, without using its CPUs."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote = ray.remote(num_cpus=0, max_retries=0)(question)
    asked, began = [], time.time()
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            asked.append((name, remote.options(scheduling_strategy=there).remote()))
    answers = []
    for name, promise in asked:
        value, error = None, ""
        try:
            value = ray.get(promise, timeout=PATIENCE)
        except Exception as reason:  # a node's older code may raise anything, also when it is unpickled here
            error = (str(reason).strip().splitlines() or [type(reason).__name__])[-1]
        answers.append(Answer(name, began, time.time(), value, error))
    return answers


def check_code() -> None:
    """UserError where a node has other code installed than this process."""
    here = code.digest()
    others = [answer for answer in on_each(code.digest) if answer.value != here]
    if others:
        found = "; ".join(f"{other.node}: {other.value or other.error}" for other in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        raise UserError(f"code: the driver runs {here}, others do not: {found}{more}. {MEND}")
