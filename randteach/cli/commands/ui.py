"""`randteach ui` and `randteach serve`: MLflow on this machine's loopback address, alone or for a cluster."""

import os
import socket
import sys
from pathlib import Path

from randteach.environment import disk, paths, security
from randteach.errors import UserError

# Without the workflow's name MLflow opens on its pages for language models.
OPENS_ON = "#/experiments?workflowType=machine_learning"
HOST = "127.0.0.1"
# By which names a browser may ask, at any port: a tunnel may end at another one. MLflow's own defaults are
# patterns such as 10.*, which names of strangers match (10.evil.example). "[[]" is a bracket in a pattern.
NAMES = "127.0.0.1,127.0.0.1:*,localhost,localhost:*,[::1],[[]::1]:*"
# What would weaken these checks where it is in the environment.
WEAKER = ("MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS")


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
    disk.ensure_writable(database.parent, "XDG_DATA_HOME")
    artifacts = store if "://" in store else paths.absolute(store, "--store").as_uri()
    _become_mlflow(database, port, "--artifacts-destination", f"{artifacts}/mlflow")
    return 0


def _become_mlflow(database: Path, port: int, *more: str) -> None:
    """Replace this process; on loopback alone, since MLflow asks nobody who they are."""
    security.check_versions()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            port = probe.getsockname()[1]  # 0: one that is free
        except (OSError, OverflowError) as error:
            raise UserError(f"--port {port}: can't listen there ({error}); give another port") from None
    print(f"http://{HOST}:{port}/{OPENS_ON}", flush=True)
    environment = {name: value for name, value in os.environ.items() if name not in WEAKER}
    environment |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment["PYTHONSAFEPATH"] = "1"  # else modules in the current folder shadow MLflow's
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", paths.sqlite(database)]
    command += ["--host", HOST, "--port", str(port), "--allowed-hosts", NAMES, "--workers", "1", *more]
    os.execve(sys.executable, command, environment)
