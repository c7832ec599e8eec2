"""The examples, files from outside the package: killed and resumed, and on Ray nodes that come and go."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.harness import Sweep, wait_for
from tests.faults.test_kills import kill_at_random

pytestmark = pytest.mark.slow
Tell = Callable[..., None]
TINY = "seed=0 alpha=0.3,0.6 net.width=4 head.hidden_dims=[32] head.bottleneck_dim=16 head.out_dim=64 "
TINY += "probe.at=[0,1] loader=memory checkpoint_every=0.01 "
TYPED = {
    "feature_rank": TINY + "data.name=mnist5k data.train_size=1000 distill.epochs=150",
    "own_images": TINY + "distill.loss=example.cosine distill.epochs=150",
}


def example(name: str, folder: Path) -> Sweep:
    return Sweep(folder, name=name, file=f"examples/{name}.py", study=TYPED[name])


@pytest.fixture(scope="module", params=sorted(TYPED))
def undisturbed_example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    sweep = example(request.param, tmp_path_factory.mktemp(request.param))
    assert sweep.run() == 0, sweep.said
    return sweep


def test_it_is_killed_at_random_moments(undisturbed_example: Sweep, tmp_path: Path, injected: Tell) -> None:
    sweep = example(undisturbed_example.name, tmp_path)
    kill_at_random(sweep, (), 4, random.Random(2), 3, 9)
    injected(f"SIGKILL of examples/{sweep.name}.py at a random moment", 4)
    assert sweep.run(ray=True) == 0, sweep.said
    assert sweep.results == undisturbed_example.results
    assert sweep.command("verify") == 0, sweep.said


def test_one_of_two_ray_nodes_goes_and_another_comes(
    undisturbed_example: Sweep, tmp_path: Path, injected: Tell
) -> None:
    """The new node has never seen the file, and gets it with its first job."""
    from randteach.engine.ray.connection import SETTINGS

    environment = pytest.MonkeyPatch()
    for name, value in SETTINGS.items():
        environment.setenv(name, value)
    from ray.cluster_utils import Cluster

    sweep = example(undisturbed_example.name, tmp_path)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        process = sweep.begin("--address", cluster.address, ray=True)
        wait_for(lambda: len(list(sweep.store.glob("work/*/*/0*.json"))) > 1, process)
        cluster.remove_node(nodes[0], allow_graceful=False)
        injected(f"removal of a Ray node that runs examples/{sweep.name}.py")
        cluster.add_node(num_cpus=1)
        assert sweep.end(process) == 0, sweep.said
    finally:
        cluster.shutdown()
        environment.undo()
    assert sweep.results == undisturbed_example.results
