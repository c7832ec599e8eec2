"""How often each fault was injected, shown at the end of the run."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.faults.harness import Sweep

INJECTED: Counter[str] = Counter()


@pytest.fixture
def injected() -> Callable[..., None]:
    """To be told of each fault that was injected."""

    def tell(fault: str, times: int = 1) -> None:
        INJECTED[fault] += times

    return tell


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The study that is disturbed in the tests, run without a fault."""
    sweep = Sweep(tmp_path_factory.mktemp("undisturbed"))
    assert sweep.run() == 0, sweep.said
    return sweep


@pytest.fixture(scope="session")
def table_of(undisturbed: Sweep) -> Callable[..., bytes]:
    """The table of the study with other settings, run without a fault, once."""

    @cache
    def run(*args: str) -> bytes:
        other = Sweep(undisturbed.out.with_name(str(abs(hash(args)))))
        assert other.run(*args, "--store", str(undisturbed.store)) == 0, other.said
        return other.results

    return run


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """The same study in a folder of its own."""
    return Sweep(tmp_path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if INJECTED:
        terminalreporter.section("faults injected")
        for fault, times in sorted(INJECTED.items()):
            terminalreporter.write_line(f"{times:5}  {fault}")
