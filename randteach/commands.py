"""The `randteach` command: what one does beside running a sweep."""

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from loaders import datasets
from randteach import config
from randteach.config import UserError


def run(argv: Sequence[str]) -> int:
    """Parse and run; the exit code."""
    parser = argparse.ArgumentParser(prog="randteach", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    ui = actions.add_parser("ui", help="open MLflow's UI on this machine's loopback address")
    ui.add_argument("--out", default="out", help="folder that a sweep wrote to (default: out)")
    ui.add_argument("--port", type=int, default=5000)
    actions.add_parser("settings", help="list all settings, as docs/settings.md does")
    actions.add_parser("datasets", help="list all data sets, as docs/datasets.md does")
    args = parser.parse_args(argv)
    if args.action == "ui":
        return serve(Path(args.out), args.port)
    print(config.table() if args.action == "settings" else datasets.table(), end="")
    return 0


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
