"""Each sweep in its smallest preset: the same table under Ray and in this process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SWEEPS = sorted(path.stem for path in Path("sweeps").glob("*.py"))
FAST = "random_teachers"


def run(sweep: str, out: Path, *args: str) -> str:
    command = [sys.executable, f"sweeps/{sweep}.py", "--preset", "smoke", "--out", str(out), *args]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == 0, done.stdout + done.stderr
    return (out / f"{sweep}_smoke" / "results.csv").read_text()


@pytest.mark.parametrize(
    "sweep", [name if name == FAST else pytest.param(name, marks=pytest.mark.slow) for name in SWEEPS]
)
def test_ray_and_local_make_one_table(sweep: str, tmp_path: Path) -> None:
    local = run(sweep, tmp_path / "local", "--local")
    assert local == run(sweep, tmp_path / "ray")
    rows = local.splitlines()[1:]
    assert rows and all(",ok," in row for row in rows)
    assert (tmp_path / "local" / f"{sweep}_smoke" / "figure.png").stat().st_size > 10_000


def paper(*args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "infra/paper.py", *args], capture_output=True, text=True)


def test_a_sweep_that_is_not_there_is_refused_before_any_runs() -> None:
    done = paper("--preset", "smoke", "transfer", "transfers")
    assert done.returncode == 2 and "no such sweep: transfers; there are architectures" in done.stderr
    assert "transfer, preset" not in done.stdout


@pytest.mark.slow
def test_sweeps_by_one_command_end_in_their_page(tmp_path: Path) -> None:
    """The second start finds all that the first one made."""
    first = paper("--preset", "smoke", "--out", str(tmp_path), "transfer", "restart")
    assert first.returncode == 0, first.stdout + first.stderr
    page = (tmp_path / "report.html").read_text()
    assert all(f"{name}_smoke" in page for name in ("transfer", "restart"))
    again = paper("--preset", "smoke", "--out", str(tmp_path), "transfer", "restart")
    assert again.returncode == 0 and again.stdout.count("0 made") == 2


def test_a_sweep_is_no_library(tmp_path: Path) -> None:
    """Pandas looks for a module `bottleneck`, and takes a sweep of this name for it."""
    text = Path("sweeps/random_teachers.py").read_text()
    (tmp_path / "bottleneck.py").write_text(
        f"import atexit\natexit.register(lambda: __import__('pandas'))\n{text}"
    )
    command = [
        sys.executable,
        tmp_path / "bottleneck.py",
        "--preset",
        "smoke",
        "--dry-run",
        "--out",
        tmp_path / "o",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "Error" not in done.stderr, done.stderr
