"""MLflow's server for a cluster: real, on loopback; written to, killed, and written again."""

import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from rich.console import Console

from randteach.cli.commands import doctor
from randteach.engine.events import Began, Ended, Reported
from randteach.environment import security
from randteach.errors import UserError
from randteach.jobs import recorded
from randteach.store import plans
from randteach.store.store import Store
from randteach.tracking import tree as tracking
from randteach.tracking.projector import Projector
from tests.cli.commands.conftest import planned


class Server:
    """`randteach serve` on a port of its own."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address, self.folder = f"http://127.0.0.1:{self.port}", folder

    def start(self) -> None:
        command = [Path(sys.executable).with_name("randteach"), "serve", "--store", self.folder / "shared"]
        weaker = {"MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true", "MLFLOW_SERVER_ALLOWED_HOSTS": "*"}
        environment = {**os.environ, **weaker, "XDG_DATA_HOME": str(self.folder / "data")}
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"{self.address}/health", timeout=5):
                    return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < until
                time.sleep(0.2)

    def stop(self) -> None:
        os.killpg(self.process.pid, 9)
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests; who stops it starts it again."""
    made = Server(tmp_path_factory.mktemp("server"))
    made.start()
    yield made
    made.stop()


def runs(server: Server, study: str = "small") -> dict[str, str]:
    client = MlflowClient(server.address)
    experiment = client.get_experiment_by_name(study)
    assert experiment
    return {run.data.tags["key"]: run.info.status for run in client.search_runs([experiment.experiment_id])}


def test_a_study_is_written_through_it_with_artifacts_on_the_store(
    server: Server, made: Path, tmp_path: Path
) -> None:
    table = tmp_path / "small" / "results.csv"
    table.parent.mkdir()
    table.write_text("key,value\n")
    store = Store(made / "store")
    assert tracking.track(tmp_path, store, "small", server.address) == "FINISHED"
    found = runs(server)
    assert set(found.values()) == {"FINISHED"} and len(found) == 1 + len(planned().jobs)
    assert not (tmp_path / "mlflow.db").exists()
    (kept,) = (server.folder / "shared" / "mlflow").rglob("results.csv")
    assert kept.read_text() == "key,value\n"
    # Written twice is written once.
    assert tracking.track(tmp_path, store, "small", server.address) == "FINISHED"
    assert runs(server) == found


def test_a_server_that_is_away_delays_nothing_and_is_written_later(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("randteach.tracking.projector.PAUSE", 0.1)
    server.stop()
    said: list[str] = []
    plans.record(store, planned(name="later"), "", {})
    projector = Projector(tmp_path, store, said.append, server.address)
    projector.start(plans.last(store, "later"))
    for job in planned().jobs:
        projector.handle(Began(job.key))  # which does not wait
    trouble = projector.finish([], "FINISHED")
    assert trouble and len(said) == 1 and "the study goes on without it" in said[0]
    server.start()
    tracking.track(tmp_path, store, "later", server.address)
    assert len(runs(server, "later")) == 1 + len(planned().jobs)


def test_rows_are_left_out_where_mlflow_is_far_behind(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their jobs are written whole all the same."""
    monkeypatch.setattr("randteach.tracking.projector.BEHIND", -1)
    shown: list[type] = []
    monkeypatch.setattr("randteach.tracking.projector._show", lambda tree, event: shown.append(type(event)))
    projector = Projector(tmp_path, Store(made / "store"), print)
    projector.start(recorded.project(planned(), ""))
    key = planned().jobs[0].key
    for event in (Began(key), Reported(key, {}), Reported(key, {}), Ended(key, "done")):
        projector.handle(event)
    assert not projector.finish([], "FINISHED")
    assert shown == [Began, Ended]


def test_the_doctor_writes_and_reads_and_leaves_nothing(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    security.ensure_token()
    console = Console(width=160)
    assert doctor.run(str(tmp_path / "store"), None, server.address, console) == 0
    said = capsys.readouterr().out
    for what in ("FFCV", "store", "token", "MLflow", "safety", "disk", "data sets", "GPUs", "0 broken"):
        assert what in said
    assert not MlflowClient(server.address).search_experiments(filter_string="name LIKE 'doctor%'")
    server.stop()
    (tmp_path / "file").touch()
    assert doctor.run(str(tmp_path / "file"), None, server.address, console) == 1
    said = capsys.readouterr().out
    assert "2 broken" in said and "randteach serve" in said and "--store" in said
    server.start()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("[::1]:{port}", 200),
        ("localhost:5001", 200),  # the other end of a tunnel
        ("localhost", 200),
        ("10.evil.example", 403),
        ("10.0.0.7:{port}", 403),
        ("192.168.evil.example:{port}", 403),
        ("172.16.evil.example", 403),
        ("fd00:evil.example", 403),
        ("0.0.0.0:{port}", 403),
        ("localhost.evil.example:{port}", 403),
        ("evil.example", 403),
    ],
)
def test_it_answers_to_names_of_this_machine_alone(server: Server, host: str, status: int) -> None:
    """A page of a stranger whose name is made to lead here is told nothing (DNS rebinding)."""
    for path in ("/", "/api/2.0/mlflow/experiments/get?experiment_id=0"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", path, headers={"Host": host.format(port=server.port)})
        answer = connection.getresponse()
        assert answer.status == status and (status == 200 or b"Invalid Host" in answer.read())
        connection.close()


def test_a_port_in_use_is_told(server: Server, tmp_path: Path) -> None:
    from randteach.cli.commands import ui

    with pytest.raises(UserError, match=f"--port {server.port}: can't listen there"):
        ui.serve(str(tmp_path), server.port)
