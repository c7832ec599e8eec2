"""What goes wrong with a report: everything else is shown, and MLflow is finished."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import randteach
from randteach.report import results, table
from randteach.tracking.projector import Projector
from tests.cli.commands.conftest import PAIRS, planned
from tests.studies import STUDY

Finished = list[tuple[list[str], str]]


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> Finished:
    """What MLflow is told at the end: the report's files and the study's status."""
    found: Finished = []

    def finish(self: Projector, files: Any, status: str) -> str:
        found.append(([path.name for path in files], status))
        return ""

    monkeypatch.setattr(Projector, "start", lambda self, plan: None)
    monkeypatch.setattr(Projector, "finish", finish)
    return found


def start(out: Path) -> None:
    """The made study once more, of which nothing is missing."""
    randteach.main(STUDY, ["--preset", "mini", "--local", "--name", "small", "--out", str(out), *PAIRS])


def raising(error: Exception) -> Callable[..., Any]:
    def fails(*args: Any, **named: Any) -> Any:
        raise error

    return fails


def test_a_figure_that_fails_leaves_the_summary_and_mlflow(
    out: Path, finished: Finished, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "draw", raising(RuntimeError("no such colour")))
    with pytest.raises(RuntimeError, match="no such colour"):
        start(out)
    printed = capsys.readouterr().out
    assert "Test accuracy in %" in printed and f"small: 0 made, {len(planned().jobs)} cached" in printed
    ((files, status),) = finished
    assert status == "FINISHED" and {"results.csv", "settings.yaml"} <= set(files)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("a bug")])
def test_a_table_that_fails_leaves_mlflow(
    out: Path,
    finished: Finished,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    monkeypatch.setattr(table, "write", raising(error))
    with pytest.raises((SystemExit, RuntimeError)):
        start(out)
    printed = capsys.readouterr()
    assert [status for _, status in finished] == ["FINISHED"] and " cached" in printed.out
    if isinstance(error, OSError):
        assert printed.err.startswith(f"error: --out {out}: can't write there (No space left on device)")


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "module://none", "none"])
def test_a_notebooks_backend_is_nothing_to_a_figure(tmp_path: Path, backend: str) -> None:
    program = "import sys; from pathlib import Path; from randteach.cli import main as cli\n"
    program += "def draw():\n from matplotlib.figure import Figure; from randteach.report import style\n"
    program += " style.save(Figure(), Path(sys.argv[1])); return 0\n"
    program += "sys.exit(cli.guarded(draw))"
    environment = {**os.environ, "MPLBACKEND": backend}
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"figure.png", "figure.pdf"}
