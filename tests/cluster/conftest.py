"""The small study that a cluster runs."""

from pathlib import Path

import pytest

from tests.faults.harness import Sweep


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """The study in a folder of its own."""
    return Sweep(tmp_path)
