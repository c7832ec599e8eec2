"""`randteach ui` and `randteach serve`: MLflow on this machine's loopback address, alone or for a cluster."""

import os
import socket
import sys
from pathlib import Path

from randteach import paths, security
from randteach.setting import UserError

# Without the workflow's name MLflow opens on its pages for language models.
OPENS_ON = "#/experiments?workflowType=machine_learning"


def ui(out: Path, port: int) -> int:
    """Become MLflow on a sweep's database; UserError without one, or where the port is taken."""
    database = out / "mlflow.db"
    if not database.exists():
        raise UserError(f"--out {out}: holds no mlflow.db; run a sweep first, e.g. `make demo`")
    _become_mlflow(database, port)
    return 0


def serve(store: str, port: int) -> int:
    """Become the MLflow server of a cluster: its database on this machine, its artifacts with the store.

    All that it holds can be made again from the store, by `randteach track`.
    """
    database = paths.of_user("XDG_DATA_HOME", ".local", "share") / "mlflow.db"
    database.parent.mkdir(parents=True, exist_ok=True)
    artifacts = store if "://" in store else paths.absolute(store, "--store").as_uri()
    _become_mlflow(database, port, "--artifacts-destination", f"{artifacts}/mlflow")
    return 0


def _become_mlflow(database: Path, port: int, *more: str) -> None:
    """Replace this process; on loopback alone, since MLflow asks nobody who they are."""
    security.check_versions()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise UserError(f"--port {port}: can't listen there ({error}); give another port") from None
    print(f"http://127.0.0.1:{port}/{OPENS_ON}", flush=True)
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{database}"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", *more]
    os.execve(sys.executable, command, environment)
