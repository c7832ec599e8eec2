"""A sweep started by a Python without the environment says how to activate it, in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("sweep", sorted(Path("sweeps").glob("*.py")), ids=lambda path: path.stem)
@pytest.mark.parametrize("root", ["", "."], ids=["nothing", "no packages"])
def test_without_the_environment_it_is_one_line(sweep: Path, root: str) -> None:
    environment = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, "-S", str(sweep), "--dry-run"]  # without site: nothing that is installed
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    lacking = "numpy" if root else "randteach"
    told = f"error: No module named '{lacking}'; `source .venv/bin/activate` first, which `make setup` makes"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told + "\n")
