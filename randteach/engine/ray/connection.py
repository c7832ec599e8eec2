"""Reach or start Ray, safely, and look at what its cluster has."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from randteach.engine.ray import placement, scratch
from randteach.engine.ray.placement import Cluster
from randteach.environment import security
from randteach.errors import UserError

SETTINGS = {
    "MALLOC_ARENA_MAX": "1",  # a trial runs in a thread of its own; see numerics.KEPT_PAGES
    "RAY_AUTH_MODE": "token",  # Ray binds its ports on all interfaces; the token keeps strangers out
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ports of metrics ask nobody for the token. Two have no switch, and -1 is no port.
    "RAY_enable_metrics_collection": "0",
    "AUTOSCALER_METRIC_PORT": "-1",
    "DASHBOARD_METRIC_PORT": "-1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_MAX_PENDING_TRIALS_PG": "4096",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}
OF_WORKERS = ("MALLOC_ARENA_MAX", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO")  # told to a cluster's workers


@contextmanager
def connected(address: str | None) -> Iterator[Path]:
    """Reach a running cluster, or start Ray here, for a while; a private folder for what goes with it.

    Raises UserError where that fails or would not be safe.
    """
    security.check()
    security.ensure_token()
    os.environ.update({name: os.environ.get(name, value) for name, value in SETTINGS.items()})
    import ray

    with scratch.folder() as folder:
        try:
            _begin(address, folder)
            yield folder
        finally:
            ray.shutdown()


def _begin(address: str | None, folder: Path) -> None:
    try:
        with _own_signals():
            _init(address, folder)
    except Exception as error:  # Ray raises all kinds
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"--address {address or 'local'}: Ray can't be started or reached ({reason}); "
            "--local runs without it"
        ) from None


def _init(address: str | None, folder: Path) -> None:
    import ray
    from ray.job_config import JobConfig

    class Installed(JobConfig):
        """Workers import what is installed, and nothing from the driver's folders, which could shadow it."""

        def _runtime_env_has_working_dir(self) -> bool:
            return True  # where Ray asks whether to add the driver's folders to workers' paths

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        env = {"env_vars": {name: SETTINGS[name] for name in OF_WORKERS}}
        ray.init(address=address, runtime_env=env, job_config=Installed(), **quiet)
    else:
        ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=100 << 20,
            job_config=Installed(),
            _temp_dir=str(folder / "ray"),  # which Ray opens to all, inside of what is private
            **quiet,
        )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep Ray's start from taking SIGTERM, whose handler would end this process at once."""
    from ray._private import utils

    taking = utils.set_sigterm_handler
    utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = taking


def cluster(address: str) -> Cluster:
    """What the cluster there has and can start; UserError where it can't be reached."""
    with connected(address):
        return look()


def look() -> Cluster:
    """The cluster as it is now; what it can start is known where the driver runs on its head."""
    import ray

    nodes, here = ray.nodes(), ray.get_runtime_context().get_node_id()
    file = placement.BOOTSTRAP.expanduser()
    head = any(n["NodeID"] == here and "node:__internal_head__" in n["Resources"] for n in nodes)
    return placement.read(nodes, yaml.safe_load(file.read_text()) if head and file.exists() else None)
