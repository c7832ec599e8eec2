"""Ray, reached or started here, safely, and what the cluster there has."""

import logging
import os

import yaml

from randteach import security
from randteach.engine import placement
from randteach.engine.placement import Cluster
from randteach.setting import UserError

SETTINGS = {
    "MALLOC_ARENA_MAX": "1",  # a trial runs in a thread of its own; see numerics.KEPT_PAGES
    "RAY_AUTH_MODE": "token",  # Ray binds its ports on all interfaces; the token keeps strangers out
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",  # its port asks nobody for the token
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_MAX_PENDING_TRIALS_PG": "4096",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}
OF_WORKERS = ("MALLOC_ARENA_MAX", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO")  # told to a cluster's workers


def connect(address: str | None) -> None:
    """Reach a running cluster, or start Ray here; UserError where that fails or would not be safe."""
    security.check()
    security.ensure_token()
    os.environ.update({name: os.environ.get(name, value) for name, value in SETTINGS.items()})
    import ray
    from ray.exceptions import RayError

    try:
        if address:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": {name: SETTINGS[name] for name in OF_WORKERS}},
            )
        else:
            ray.init(
                address="local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=100 << 20,
            )
    except (ConnectionError, OSError, RuntimeError, ValueError, RayError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"--address {address or 'local'}: Ray can't be started or reached ({reason}); "
            "--local runs without it"
        ) from None


def cluster(address: str) -> Cluster:
    """What the cluster there has and can start; UserError where it can't be reached."""
    connect(address)
    import ray

    try:
        return look()
    finally:
        ray.shutdown()


def look() -> Cluster:
    """The cluster as it is now; what it can start is known where the driver runs on its head."""
    import ray

    nodes, here = ray.nodes(), ray.get_runtime_context().get_node_id()
    file = placement.BOOTSTRAP.expanduser()
    head = any(n["NodeID"] == here and "node:__internal_head__" in n["Resources"] for n in nodes)
    return placement.read(nodes, yaml.safe_load(file.read_text()) if head and file.exists() else None)
