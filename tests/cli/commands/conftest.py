"""A small study in a store, made once without MLflow, and copied for each test that changes it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from randteach.cli.commands import run
from randteach.cli.main import guarded
from randteach.config import overrides
from randteach.engine import local
from randteach.engine.context import Context
from randteach.engine.queue import Queue
from randteach.jobs import study
from randteach.jobs.study import Plan
from randteach.store import plans
from randteach.store.missing import missing as lacking
from randteach.store.store import Store
from tests.studies import SMALL, STUDY

Command = Callable[..., str]
PAIRS = [*SMALL, "data.name=mnist5k", "data.like=mnist5k", "distill.epochs=2", "alpha=0.3,0.6"]


def planned(*pairs: str, name: str = "small") -> Plan:
    return study.expand(STUDY, overrides.parse(STUDY.presets["mini"], [*PAIRS, *pairs]), name)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made")
    store, plan = Store(out / "store"), planned()
    store.prepare()
    plans.record(store, plan, "Why?", {"command": "typed"})
    context = Context(store, Path("/none"), out, "memory", study="small")
    queue = Queue(lacking(plan.jobs, store), store, lambda event: None)
    local.run(queue, context)
    assert set(queue.ended.values()) == {"done"}
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "out"))


@pytest.fixture
def store(out: Path) -> Store:
    return Store(out / "store")


@pytest.fixture
def command(out: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `randteach ...` on the store; what it printed. Its exit code has to be `code`."""

    def typed(*argv: str, code: int = 0, at: Path = out) -> str:
        capsys.readouterr()
        found = guarded(lambda: run([*argv, "--out", str(at)]))
        printed = capsys.readouterr()
        assert found == code, printed
        if code == 2:
            assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and not printed.out
        return printed.out + printed.err

    return typed
