"""A node's record of its cluster, so that a sweep typed there needs no options.

`infra/node.sh` writes it on every node: where artifacts are kept, which MLflow shows them, and which Ray
runs them. What is given on the command line goes before it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from randteach.environment import paths
from randteach.errors import UserError

MLFLOW = "http://127.0.0.1:5000"


@dataclass
class Cluster:
    """Addresses of the store, of MLflow's server and of Ray, as a node of the cluster reaches them."""

    store: str
    mlflow: str = MLFLOW
    address: str = "auto"


def path() -> Path:
    """The file that keeps it."""
    return paths.of_user("XDG_CONFIG_HOME", ".config") / "cluster.yaml"


def here() -> Cluster | None:
    """The cluster that this machine is a node of; UserError where its file is not what is written there."""
    if not os.path.exists(file := path()):  # unlike Path.exists, it bears a folder that is closed to us
        return None
    try:
        found = OmegaConf.merge(OmegaConf.structured(Cluster), OmegaConf.load(file))
        return OmegaConf.to_object(found)  # type: ignore[return-value]
    except (OSError, TypeError, ValueError, OmegaConfBaseException, YAMLError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{file}: {reason}; ~/randteach-src/infra/node.sh writes it anew") from None


def caches() -> Path:
    """A node's own folder for data: FFCV files are mapped into memory, which shared folders do badly."""
    return paths.of_user("XDG_CACHE_HOME", ".cache")


def data() -> Path:
    """A node's own data sets."""
    return caches() / "data"
