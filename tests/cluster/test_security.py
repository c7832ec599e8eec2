"""During a sweep, every port of every machine, tried from another network without the token."""

import json
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.cluster.machines import Machine
from tests.cluster.onprem import STUDY, Onprem

pytestmark = pytest.mark.slow
LOOPBACK = ("127.", "::1")
SSH = 22
STRANGER = Path(__file__).with_name("stranger.py").absolute()


Answers = dict[str, dict[str, dict[str, int]]]
METRICS = {44217, 44227}  # of which nobody would be asked for a token


def heard(printed: str) -> Answers:
    """What a stranger was told, from what it printed."""
    line = next(line for line in printed.splitlines() if line.startswith("SAID "))
    return dict(json.loads(line.removeprefix("SAID ")))


def listening(*machines: Machine) -> list[str]:
    """Every ADDRESS:PORT that is not on loopback, sshd's left out."""
    ends = [(m.ip, *end) for m in machines for end in m.ports()]
    assert not METRICS & {port for _, _, port in ends}
    return sorted(
        {f"{ip}:{port}" for ip, host, port in ends if not host.startswith(LOOPBACK) and port != SSH}
    )


def scan(machines: Sequence[Machine], ask: Callable[..., str], least: int) -> None:
    """Every port refuses who has no token, and for that reason."""
    places = listening(*machines)
    answers = heard(ask(*places))
    for gone in set(places) - set(listening(*machines)):  # of processes that have ended meanwhile
        del answers[gone]
    with_token = heard(ask("--token", *places))
    print(json.dumps(answers, indent=1))
    assert len(answers) >= least
    for place, answer in answers.items():
        spoken = answer["grpc"].keys() - {"no gRPC"}
        assert spoken <= {"UNAUTHENTICATED", "UNIMPLEMENTED"}, (place, answer)
        assert set(answer["http"].values()) <= {"401", "no HTTP", "URLError"}, (place, answer)
        assert "UNAUTHENTICATED" in spoken or "401" in answer["http"].values(), (place, answer)
    # It is for the token that they refuse: with it, they answer.
    known = [place for place, answer in with_token.items() if "OK" in answer["grpc"]]
    assert len(known) >= least // 2, with_token


def test_every_port_refuses_a_stranger_or_is_on_loopback(cluster: Onprem) -> None:
    typed = ["ray", "submit", str(cluster.file), "sweeps/init_distance.py", *STUDY.split()]
    process = cluster.begin(*typed, "--name=scanned", "seed=7", "distill.epochs=4000", "checkpoint_every=1")
    try:
        cluster.waits_for(lambda: list(cluster.network.shared.glob("work/*/*/0*.json")))
        # GCS; and on each machine raylet, object manager, agents, workers
        ask = partial(cluster.type, "python", str(STRANGER))
        scan((cluster.head, cluster.worker), ask, 8)
    finally:
        cluster.exec("pkill -TERM -f init_distance.py", check=False)
        process.wait(120)


def test_every_port_of_a_sweep_on_one_machine_too(cluster: Onprem) -> None:
    """On the laptop, tried from the head."""
    out = cluster.network.base / "alone"
    typed = ["python", "sweeps/init_distance.py", *STUDY.split(), "--out", str(out), "seed=7"]
    process = cluster.begin(*typed, "distill.epochs=4000", "checkpoint_every=1")
    try:
        cluster.waits_for(lambda: list(out.glob("store/work/*/*/0*.json")))
        ask = partial(_on_the_head, cluster)
        scan([cluster.network.machines["laptop"]], ask, 4)
    finally:
        process.terminate()
        ended = process.wait(120)
    assert ended == 130


def _on_the_head(cluster: Onprem, *args: str) -> str:
    return cluster.exec(shlex.join(["python", str(STRANGER), *args]))


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
