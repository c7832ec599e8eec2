"""A sweep on a cluster of several nodes, with pretended GPUs."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from randteach.engine.ray.connection import SETTINGS
from tests.faults.harness import Sweep, wait_for

TWELVE = "seed=0,1,2,3 alpha=0.3,0.6,1 distill.epochs=8 probe.at=[0]"


@contextmanager
def nodes(head_cpus: int) -> Iterator[Any]:
    """A Ray cluster of a head; further nodes are added by whoever uses it."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SETTINGS.items():
            environment.setenv(name, value)
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": head_cpus})
        try:
            yield cluster
        finally:
            cluster.shutdown()


@pytest.fixture
def address() -> Iterator[str]:
    """A head of one CPU, and a node with two pretended GPUs."""
    with nodes(1) as cluster:
        cluster.add_node(num_cpus=2, num_gpus=2)
        yield cluster.address


@pytest.mark.slow
def test_what_can_never_be_placed_is_said_before_anything_starts(address: str, sweep: Sweep) -> None:
    """Sums over the nodes would have room for it."""
    args = ("--address", address, "resources.distill.cpus=3")
    assert sweep.run(*args, ray=True) == 2
    assert "resources.distill: cpus=3 gpus=1 never fit on a node" in sweep.said
    assert "has 2 CPUs and 2 GPUs" in sweep.said and not sweep.store.exists()


@pytest.mark.slow
def test_two_of_three_nodes_are_killed_and_one_is_added(sweep: Sweep, tmp_path: Path) -> None:
    """Twelve students: the table is that of an undisturbed run."""
    undisturbed = Sweep(tmp_path / "undisturbed")
    assert undisturbed.run(*TWELVE.split()) == 0, undisturbed.said
    moments = random.Random(20)
    with nodes(0) as cluster:
        three = [cluster.add_node(num_cpus=1) for _ in range(3)]
        process = sweep.begin("--address", cluster.address, *TWELVE.split(), ray=True)
        for killed, node in enumerate(moments.sample(three, 2)):
            wait_for(lambda count=3 * killed: len(made(sweep)) > count, process)
            time.sleep(moments.uniform(0, 3))
            cluster.remove_node(node, allow_graceful=False)
        cluster.add_node(num_cpus=1)
        assert sweep.end(process) == 0, sweep.said
    assert sweep.results == undisturbed.results
    assert sweep.command("verify") == 0, sweep.said


def made(sweep: Sweep) -> list[Path]:
    """Students' snapshots that are there."""
    return list(sweep.store.glob("done/distill/*/*.json"))
