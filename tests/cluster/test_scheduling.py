"""A sweep on a cluster of several nodes, with pretended GPUs."""

from collections.abc import Iterator

import pytest

from randteach.engine.connection import SETTINGS
from tests.faults.harness import Sweep


@pytest.fixture
def address() -> Iterator[str]:
    """A head of one CPU, and a node with two pretended GPUs."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SETTINGS.items():
            environment.setenv(name, value)
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        try:
            cluster.add_node(num_cpus=2, num_gpus=2)
            yield cluster.address
        finally:
            cluster.shutdown()


@pytest.mark.slow
def test_what_can_never_be_placed_is_said_before_anything_starts(address: str, sweep: Sweep) -> None:
    """Sums over the nodes would have room for it."""
    args = ("--address", address, "resources.distill.cpus=3")
    assert sweep.run(*args, ray=True) == 2
    assert "resources.distill: cpus=3 gpus=1 never fit on a node" in sweep.said
    assert "has 2 CPUs and 2 GPUs" in sweep.said and not sweep.store.exists()
