"""What fits where, counted by hand."""

import pytest

from randteach.config.schema import Slot
from randteach.engine.ray.placement import PENDING, Cluster, Node, read
from randteach.errors import UserError
from randteach.jobs.job import Job
from randteach.specs import Pixels, ProbeSpec, Samples

SAMPLES = Samples("fashion_mnist", "", 1, 16, 100)
CONFIG = {
    "head_node_type": "head",
    "max_workers": 5,
    "available_node_types": {
        "head": {"resources": {"CPU": 2}},
        "gpu": {"resources": {"CPU": 8, "GPU": 4}, "max_workers": 3},
        "cpu": {"resources": {"CPU": 16}},
    },
}


def job(cpus: int, gpus: float) -> Job:
    return Job("distill", ProbeSpec(Pixels(), SAMPLES, 10, 1, 1, 0.1, 0.0, 1, seed=0), slot=Slot(cpus, gpus))


def node(alive: bool = True, **resources: float) -> dict[str, object]:
    return {"Alive": alive, "Resources": resources}


@pytest.mark.parametrize(
    ("at", "fits"),
    [
        ((1, 0), 8),
        ((3, 0), 2),
        ((9, 0), 0),
        ((1, 1), 4),
        ((4, 1), 2),
        ((1, 0.5), 8),
        ((1, 0.3), 8),  # three to a GPU would be twelve: the CPUs end first
        ((1, 0.7), 4),  # one to a GPU: no job has parts of two
        ((2, 2), 2),
        ((1, 5), 0),
    ],
)
def test_jobs_that_a_node_holds(at: tuple[int, float], fits: int) -> None:
    assert Node(8, 4).holds(at) == fits


def test_sums_over_nodes_count_for_nothing() -> None:
    """Five CPUs and two GPUs in all, and not one place for a job of four and one."""
    apart = Cluster({Node(4, 0): 1, Node(1, 2): 1})
    assert apart.slots((4, 1)) == 0 and apart.slots((1, 1)) == 1 and apart.slots((2, 0)) == 2


def test_what_has_no_gpu_leaves_the_cpus_that_gpus_need() -> None:
    cluster = Cluster({Node(8, 4): 2, Node(4, 0): 1})
    assert cluster.slots((1, 0)) == 20
    assert cluster.slots((1, 0), {(1, 0): 9, (1, 1.0): 50}) == 12
    assert cluster.slots((1, 0), {(1, 1.0): 3}) == 17  # three GPUs have work left: three CPUs
    assert cluster.slots((1, 0), {(1, 0.5): 50, (1, 1.0): 50}) == 4
    assert cluster.slots((1, 1.0), {(1, 0.5): 50, (1, 0): 50}) == 8  # the first by rank has it
    assert Cluster({Node(4, 4): 1}).admit((1, 0), {(1, 1.0): 4}) == 1  # one waits, and has its turn


def test_nodes_that_can_be_started_are_asked_for() -> None:
    cluster = read([node(CPU=2), node(alive=False, CPU=64, GPU=8)], CONFIG)
    assert cluster.here == {Node(2, 0): 1} and cluster.types == {Node(8, 4): 3, Node(16, 0): 5}
    assert cluster.most == 5 and cluster.gpus and not cluster.unknown
    assert cluster.slots((1, 1.0)) == 0 and cluster.could((1, 1.0)) == 12
    assert cluster.could((1, 0)) == 82 and cluster.could((8, 0)) == 10
    assert cluster.admit((1, 1.0)) == 12
    assert cluster.could((1, 0), {(1, 1.0): 5}) == 82  # the nodes without a GPU have that
    # Once they are there nothing waits in Tune; and of very many to come, as many as Tune bears.
    assert Cluster({Node(8, 4): 3}, {Node(8, 4): 3}, 3).admit((1, 1.0)) == 12
    assert Cluster({}, {Node(8, 8): 500}, 500).admit((1, 1.0)) == PENDING
    assert Cluster({Node(8, 8): 50}).admit((1, 1.0)) == 400


def test_what_can_never_be_placed_says_what_would_help() -> None:
    cluster = read([node(CPU=2)], CONFIG)
    cluster.check([job(16, 0), job(8, 4), job(1, 0.25)])
    for never in (job(17, 0), job(9, 1), job(1, 8)):
        with pytest.raises(
            UserError, match=r"^resources\.distill: cpus=\d+ gpus=\d never fit on a node; "
        ) as e:
            cluster.check([job(1, 0), never])
        assert "resources.distill.cpus or .gpus" in str(e.value)
    with pytest.raises(UserError, match=r"is there has 2 CPUs and 0 GPUs, .* started 8 CPUs and 4 GPUs"):
        cluster.check([job(1, 8)])
    with pytest.raises(UserError, match="fractions of one GPU"):
        cluster.check([job(1, 1.5)])
    with pytest.raises(UserError, match="the largest that is there has 4 CPUs and 1 GPUs; "):
        read([node(CPU=4, GPU=1)]).check([job(1, 2)])


def test_machines_that_one_has_ssh_to_are_known_once_they_are_there() -> None:
    config = {
        "max_workers": 2,
        "head_node_type": "local.cluster.node",
        "available_node_types": {"local.cluster.node": {"resources": {}, "max_workers": 2}},
    }
    coming = read([node(CPU=2), node(CPU=8, GPU=1)], config)
    coming.check([job(64, 8)])
    assert coming.unknown and coming.admit((64, 8)) == 1
    with pytest.raises(UserError, match="never fit"):
        read([node(CPU=2), node(CPU=8, GPU=1), node(CPU=8, GPU=1)], config).check([job(64, 8)])
