"""Keep MLflow quiet, and spell its errors in one line."""

import logging
import os

from randteach.errors import UserError

# A server that is away is not waited for: what it misses is written later.
DATABASE_TRIES = 4  # to open a database; MLflow's own fifteen take minutes
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


def be_quiet() -> None:
    """Keep MLflow quiet, and from waiting long for a server or a database."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
    # Its errors are raised as well, and told in one line. The variable is for a later import.
    quiet["MLFLOW_LOGGING_LEVEL"] = "CRITICAL"
    for name, value in {**quiet, **PATIENCE}.items():
        os.environ.setdefault(name, value)
    from mlflow.store.db import utils

    utils.MAX_RETRY_COUNT = DATABASE_TRIES
    for name in ("mlflow", "alembic"):  # last: MLflow sets its own levels when it is imported
        logging.getLogger(name).setLevel(logging.CRITICAL)


def said(error: Exception) -> str:
    """What MLflow, or the database below it, raises, as one line without its SQL."""
    if isinstance(error, UserError):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".partition("[SQL")[0].split())[:200]
