"""The laptop's lid closes in the middle of a sweep: it is resumable, or runs on."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.machines import sh
from tests.cluster.onprem import STUDY, Onprem

pytestmark = pytest.mark.slow
LONG = (*STUDY.split(), "alpha=0.3", "checkpoint_every=0.5")


def close_lid(cluster: Onprem) -> None:
    """End all that runs on the laptop, ssh's shared connections included, without a word."""
    for process in sh("ip", "netns", "pids", cluster.network.machines["laptop"].namespace).split():
        os.kill(int(process), signal.SIGKILL)


def sessions(cluster: Onprem) -> list[Path]:
    return list(cluster.network.shared.glob("sessions/[0-9a-f]*"))


def states(cluster: Onprem) -> list[Path]:
    return list(cluster.network.shared.glob("work/*/*/0*.json"))


def logs(cluster: Onprem, seed: int) -> list[str]:
    """What the students of a seed said while they were made."""
    said = []
    for path in cluster.network.shared.glob("objects/distill/*/*/*/config.json"):
        config: dict[str, Any] = json.loads(path.read_text())
        if config["seed_order"] == seed:
            said += json.loads(path.with_name("provenance.json").read_text())["log"]
    return said


def test_a_plain_submit_ends_with_its_client_and_goes_on_when_submitted_again(cluster: Onprem) -> None:
    args = [*LONG, "--name=lid", "seed=1", "distill.epochs=100"]
    process = cluster.begin("ray", "submit", str(cluster.file), "sweeps/init_distance.py", *args)
    cluster.waits_for(lambda: states(cluster))
    close_lid(cluster)
    process.wait()
    cluster.waits_for(lambda: not sessions(cluster))  # the sweep saw that its terminal is gone, and ended
    assert states(cluster), "its trainings kept their states"
    said = cluster.submit(*args, step="ray submit after its client was killed")
    assert "distill      1   done     0   missing     1" in said, said
    assert any("going on from step" in line for line in logs(cluster, 1))
    assert "0 missing" in cluster.submit(*args)


def test_in_tmux_it_runs_on(cluster: Onprem) -> None:
    args = [*LONG, "--name=tmux", "seed=2", "distill.epochs=50"]
    cluster.submit(*args, options=("--tmux",))
    cluster.waits_for(lambda: sessions(cluster))
    close_lid(cluster)
    cluster.waits_for(lambda: not sessions(cluster))
    assert (cluster.results / "tmux" / "figure.png").exists()
    assert "0 missing" in cluster.submit(*args)


def test_a_submitted_job_runs_on_with_the_laptops_own_code(cluster: Onprem) -> None:
    """`ray job submit` sends the package along, by a tunnel to the head's loopback address."""
    options = [
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-i",
        str(cluster.network.key),
    ]
    tunnel = cluster.begin("ssh", *options, "-N", "-L", "8265:127.0.0.1:8265", f"root@{cluster.head.ip}")
    typed = [
        "ray",
        "job",
        "submit",
        "--address",
        "http://127.0.0.1:8265",
        "--working-dir",
        ".",
        "--no-wait",
        "--",
    ]
    args = [*LONG, "--name=job", "seed=3", "distill.epochs=50"]
    with cluster.timed("ray job submit --working-dir ."):
        cluster.waits_for(lambda: "8265" in sh("ip", "netns", "exec", cluster.laptop, "ss", "-Hltn"))
        said = cluster.type(*typed, "python", "sweeps/init_distance.py", *args)
    assert "submitted successfully" in said, said
    cluster.waits_for(lambda: sessions(cluster))
    close_lid(cluster)
    tunnel.wait()
    cluster.waits_for(lambda: not sessions(cluster))
    assert (cluster.results / "job" / "results.csv").exists()
