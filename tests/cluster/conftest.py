"""Machines for the tests of this folder, once a session, and a cluster of them made as a user makes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import machines
from tests.cluster.onprem import Onprem
from tests.faults.harness import Sweep

TIMES: list[tuple[str, float]] = []


@pytest.fixture(scope="session")
def cluster() -> Iterator[Onprem]:
    """Two machines made a cluster by `ray up`, from the repository's root on a laptop."""
    machines.install()
    if why := machines.lacking():
        pytest.skip(why)
    with machines.network("head", "worker") as network:
        made = Onprem(network, TIMES)
        made.up()
        try:
            yield made
        finally:
            made.down()


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """A small study in a folder of its own."""
    return Sweep(tmp_path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TIMES:
        terminalreporter.section("wall time of each step")
        for step, seconds in TIMES:
            terminalreporter.write_line(f"{seconds:7.1f} s  {step}")
