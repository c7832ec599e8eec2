"""What the doctor makes of a cluster; the whole of it is tried beside a server, and in `tests/cluster`."""

from collections.abc import Iterator

import pytest
import torch

from randteach.cli.commands import doctor
from randteach.engine.ray import connection
from randteach.engine.ray.placement import Cluster, Node

HEAD, GPU = Node(0, 0), Node(8, 1)


def test_nodes_that_are_not_there_have_not_been_tried() -> None:
    assert doctor._count(2, Cluster({GPU: 2}))[:3] == ("nodes", True, "2 there")
    grows = Cluster({HEAD: 1, GPU: 3}, {GPU: 8}, 8)
    assert doctor._count(4, grows)[1:3] == (None, "4 there, 5 more can be started")
    joining = Cluster({GPU: 1}, unknown=True)
    assert doctor._count(1, joining)[1:3] == (None, "1 there, of more that the cluster's file names")


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Ray that offers a GPU."""
    import ray

    started = ray.init
    monkeypatch.setattr(ray, "init", lambda *args, **options: started(*args, num_gpus=1, **options))
    with connection.connected(None):
        yield


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.usefixtures("pretended")
def test_a_gpu_that_ray_offers_and_torch_does_not_see() -> None:
    what, well, found, todo = doctor._gpus()
    assert (what, well, found) == ("GPUs", False, "torch sees 0, Ray offers 1")
    assert "driver" in todo
