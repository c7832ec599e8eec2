"""Nodes that run other code than the driver are refused, and mended by the command that is named."""

import pytest

from tests.cluster.onprem import STUDY, Onprem

pytestmark = pytest.mark.slow


def test_a_node_with_other_code_is_refused_until_ray_up(cluster: Onprem) -> None:
    args = [*STUDY.split(), "--name=code", "seed=4", "alpha=0.3", "probe.at=[0]"]
    with open(cluster.checkout / "randteach" / "nets" / "distance.py", "a") as file:
        file.write("# changed on the laptop\n")
    cluster.type("ray", "up", "--yes", "--no-restart", str(cluster.file), step="ray up --no-restart")
    said = cluster.submit(*args, check=False)
    assert "error: code: the driver runs " in said and f"worker ({cluster.worker.ip}): " in said, said
    assert "`ray up --yes infra/cluster.yaml`" in said and "Traceback" not in said
    ended = cluster.exec("randteach doctor", check=False)
    assert "broken" in ended and "`ray up --yes" in ended, ended
    cluster.up("again, with other code")
    said = cluster.submit(*args, step="ray submit of a small study")
    assert "made" in said and "error" not in said, said


def test_a_sweep_that_is_not_the_one_installed_says_so(cluster: Onprem) -> None:
    sweep = cluster.checkout / "sweeps" / "init_distance.py"
    before = sweep.read_text()
    sweep.write_text(before + "# edited since\n")
    try:
        said = cluster.submit("--preset", "mini", "--dry-run", "--name=edited")
    finally:
        sweep.write_text(before)
    assert "is not the init_distance.py that came with the installed code" in said, said
    assert "is not the" not in cluster.submit("--preset", "mini", "--dry-run", "--name=edited")
