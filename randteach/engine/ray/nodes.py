"""Ask every node of a Ray cluster, first of all whether it has the driver's code and store."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from randteach.environment import code
from randteach.errors import UserError
from randteach.store.store import Store

PATIENCE = 120.0  # seconds for a node's first worker, which imports torch
MEND = (
    "`ray up --yes infra/cluster.yaml`, or the file that the cluster is from, brings all nodes to the same "
    "code; it restarts Ray, and a sweep goes on when it is submitted again"
)

MOUNT = "mount the same folder on all nodes, or keep the store in a bucket"
LAG = 10.0  # seconds after which a node has to see what another one has written


@dataclass(frozen=True)
class Answer:
    """What a node says, or why it says nothing; by this machine's clock, it spoke between two moments."""

    node: str
    asked: float
    heard: float
    value: Any = None
    error: str = ""
    lost: bool = False  # it did not get to answer


def names() -> dict[str, str]:
    """Host and address of each node that is there, by its id."""
    import ray

    alive = (node for node in ray.nodes() if node["Alive"])
    return {node["NodeID"]: f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})" for node in alive}


def on_each(question: Callable[[], Any]) -> list[Answer]:
    """Call a function of an installed module on every node that is there, without using its CPUs."""
    import ray
    from ray.exceptions import RayError, RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote = ray.remote(num_cpus=0, max_retries=0)(lambda: question())
    asked, began, until = [], time.time(), time.monotonic() + PATIENCE
    for node, name in names().items():
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        asked.append((name, remote.options(scheduling_strategy=there).remote()))
    answers = []
    for name, promise in asked:
        value, error, lost = None, "", False
        try:
            value = ray.get(promise, timeout=max(0.0, until - time.monotonic()))
        except Exception as reason:  # a node's older code may raise anything, also when it is unpickled here
            error = (str(reason).strip().splitlines() or [type(reason).__name__])[-1]
            lost = isinstance(reason, RayError) and not isinstance(reason, RayTaskError)
        answers.append(Answer(name, began, time.time(), value, error, lost))
    return answers


def stranger(store: str, session: str) -> str:
    """Say why this node's store is not the driver's; empty if it is.

    The node looks again for a while, since a shared disk may lag.
    """
    until = time.monotonic() + LAG
    try:
        storage = Store(store).storage
        while not storage.exists(f"sessions/{session}/about.json"):
            if time.monotonic() > until:
                return "does not see what the driver has written there"
            time.sleep(1)
    except (OSError, UserError) as error:
        return f"can't read it ({error})"
    return ""


def _answer(store: str, session: str) -> tuple[str, str]:
    """A node's code, and why its store is not the driver's."""
    return code.digest(), stranger(store, session)


def check(store: str, session: str, say: Callable[[str], None]) -> None:
    """UserError where a node has other code than this process, or another store; `say` names lost nodes."""
    here, others, apart = code.digest(), [], []
    for answer in on_each(partial(_answer, store, session)):
        digest, why = answer.value or ("", "")
        if answer.lost:
            say(f"{answer.node} does not answer, and is left alone for now: {answer.error}")
        elif digest != here:
            others.append(f"{answer.node}: {digest or answer.error}")
        elif why:
            apart.append(f"{answer.node} {why}")
    if others:
        raise UserError(f"code: the driver runs {here}, others do not: {_some(others)}. {MEND}")
    if apart:
        raise UserError(f"--store {store}: {_some(apart)}; {MOUNT}")


def _some(found: Sequence[str]) -> str:
    return "; ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
