"""During a sweep, every port of every machine, tried from another network without the token."""

import json
from pathlib import Path

import pytest

from tests.cluster.onprem import STUDY, Onprem

pytestmark = pytest.mark.slow
LOOPBACK = ("127.", "::1")
SSH = 22
STRANGER = Path(__file__).with_name("stranger.py")


def said(cluster: Onprem, *args: str) -> dict[str, dict[str, dict[str, int]]]:
    printed = cluster.type("python", str(STRANGER), *args)
    line = next(line for line in printed.splitlines() if line.startswith("SAID "))
    return dict(json.loads(line.removeprefix("SAID ")))


def listening(cluster: Onprem) -> list[str]:
    """Every ADDRESS:PORT that is not on loopback, sshd's left out."""
    ends = [(m.ip, *end) for m in (cluster.head, cluster.worker) for end in m.ports()]
    return sorted(
        {f"{ip}:{port}" for ip, host, port in ends if not host.startswith(LOOPBACK) and port != SSH}
    )


def test_every_port_refuses_a_stranger_or_is_on_loopback(cluster: Onprem) -> None:
    typed = ["ray", "submit", str(cluster.file), "sweeps/init_distance.py", *STUDY.split()]
    process = cluster.begin(*typed, "--name=scanned", "seed=7", "distill.epochs=4000", "checkpoint_every=1")
    try:
        cluster.waits_for(lambda: list(cluster.network.shared.glob("work/*/*/0*.json")))
        places = listening(cluster)
        answers = said(cluster, *places)
        for gone in set(places) - set(listening(cluster)):  # of processes that have ended meanwhile
            del answers[gone]
        with_token = said(cluster, "--token", *places)
    finally:
        cluster.exec("pkill -TERM -f init_distance.py", check=False)
        process.wait(120)
    print(json.dumps(answers, indent=1))
    assert len(answers) >= 8  # GCS; and on each machine raylet, object manager, agents, workers
    for place, answer in answers.items():
        spoken = answer["grpc"].keys() - {"no gRPC"}
        assert spoken <= {"UNAUTHENTICATED", "UNIMPLEMENTED"}, (place, answer)
        assert set(answer["http"].values()) <= {"401", "no HTTP", "URLError"}, (place, answer)
        assert "UNAUTHENTICATED" in spoken or "401" in answer["http"].values(), (place, answer)
    # It is for the token that they refuse: with it, they answer.
    known = [place for place, answer in with_token.items() if "OK" in answer["grpc"]]
    assert len(known) >= 4, with_token


def test_the_token_is_private_everywhere_and_written_nowhere(cluster: Onprem) -> None:
    homes = [cluster.network.base / "laptop", cluster.head.home, cluster.worker.home]
    tokens = {(home / ".ray" / "auth_token").read_text() for home in homes}
    assert len(tokens) == 1
    assert {(home / ".ray" / "auth_token").stat().st_mode & 0o777 for home in homes} == {0o600}
    (token,) = tokens
    for path in logs(cluster):
        assert token.encode() not in path.read_bytes(), path
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            assert token.encode() not in (folder / "cmdline").read_bytes(), folder
        except OSError:
            continue  # ended meanwhile


def logs(cluster: Onprem) -> list[Path]:
    """All that was written by Ray, MLflow, the launcher and sweeps, and the cluster's file itself."""
    found = [
        path
        for path in cluster.network.base.glob("*-tmp/ray/**/*")
        if path.suffix in (".log", ".out", ".err")
    ]
    found += [cluster.file, cluster.head.home / "mlflow.log", cluster.head.home / "ray_bootstrap_config.yaml"]
    found += list(cluster.network.shared.rglob("*.json"))
    assert len(found) > 20
    return [path for path in found if path.is_file()]
