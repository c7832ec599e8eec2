"""`randteach ui`: MLflow's UI, on this machine only."""

import os
import socket
import sys
from pathlib import Path

from randteach.setting import UserError


def serve(out: Path, port: int) -> int:
    """Become `mlflow ui` on 127.0.0.1; UserError without a database, or where the port is taken."""
    database = (out / "mlflow.db").absolute()
    if not database.exists():
        raise UserError(f"--out {out}: holds no mlflow.db; run a sweep first, e.g. `make demo`")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise UserError(f"--port {port}: can't listen there ({error}); give another port") from None
    # Without the workflow's name MLflow opens on its pages for language models.
    print(f"http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning", flush=True)
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{database}"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    os.execve(sys.executable, command, environment)
