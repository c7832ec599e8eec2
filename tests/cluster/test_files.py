"""The cluster files, against Ray's own schema and against this repository."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.local.config import prepare_local
from ray.autoscaler._private.util import prepare_config, validate_config

FILES = ("infra/cluster.yaml", "infra/onprem.yaml")


@pytest.fixture(params=FILES)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path(request.param).read_text())
    return found


def test_ray_accepts_it(config: dict[str, Any]) -> None:
    filled = prepare_config(config)
    validate_config(filled)
    # What Ray would otherwise fill in opens the dashboard, or installs another Ray.
    said = " ".join(map(str, filled["setup_commands"] + filled["head_setup_commands"]))
    assert "pip" not in said and "dashboard-host=0.0.0.0" not in str(filled)


def test_a_misspelt_key_would_be_refused(config: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="idle_timeout_minute"):
        validate_config(prepare_config({**config, "idle_timeout_minute": 5}))


def test_what_it_mounts_is_here_and_enough(config: dict[str, Any]) -> None:
    mounts = {remote: local for remote, local in config["file_mounts"].items() if local != remote}
    assert all(Path(local).exists() for local in mounts.values())
    mounted = set(mounts.values())
    # All that is under version control and that installing, or a sweep, reads.
    needed = {"pyproject.toml", "constraints.txt", "infra", "loaders", "randteach", "sweeps"}
    named = re.findall(r'(?:readme = |license-files = \[)"(\w[\w.]*)"', Path("pyproject.toml").read_text())
    assert mounted == needed | set(named) and len(named) == 2
    # Nothing that changes from start to start, or that is large, is sent.
    assert not mounted & {".", "out", ".venv"} and config["rsync_exclude"] == ["__pycache__"]
    # A folder `randteach` in the home folder would hide the package from sweeps, which run there.
    assert not any(Path(remote).parts[1] == "randteach" for remote in config["file_mounts"])


def test_ray_starts_with_a_token_and_a_private_dashboard(config: dict[str, Any]) -> None:
    head, worker = (config[f"{role}_start_ray_commands"][-1] for role in ("head", "worker"))
    for command in (head, worker):
        assert "RAY_AUTH_MODE=token ray start" in command.replace("RAY_enable_autoscaler_v2=0 ", "")
    assert "--dashboard-host=127.0.0.1" in head
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    # The token itself stands nowhere: what is written is where it lies.
    assert not re.search(r"\b[0-9a-f]{32,}\b", yaml.safe_dump(config))


def test_all_nodes_are_set_up_alike(config: dict[str, Any]) -> None:
    (head,), (worker,) = config["head_setup_commands"], config["worker_setup_commands"]
    assert head == worker + " --head"
    assert worker.startswith("~/randteach-src/infra/node.sh ")


def test_on_premises_all_machines_are_started() -> None:
    found = prepare_local(yaml.safe_load(Path("infra/onprem.yaml").read_text()))[0]
    kinds = found["available_node_types"]["local.cluster.node"]
    assert kinds["min_workers"] == kinds["max_workers"] == len(found["provider"]["worker_ips"])


@pytest.mark.parametrize("script", ["infra/node.sh", "infra/setup.sh"])
def test_scripts_parse(script: str) -> None:
    subprocess.run(["bash", "-n", script], check=True)
