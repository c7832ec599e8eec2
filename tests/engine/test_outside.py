"""A file from outside the package: its own kind of job, in this process and in Ray's workers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.studies import SMALL

EXAMPLE = Path("examples/feature_rank.py")


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """The file run as it is typed, in its own folder, which workers can't import from."""
    command = [sys.executable, "study.py", "--preset", "mini", *SMALL, *args]
    environment = {**os.environ, "COLUMNS": "200", "XDG_CACHE_HOME": str(folder / "caches")}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(EXAMPLE, tmp_path / "study.py")
    return tmp_path


def table(folder: Path, out: str) -> pd.DataFrame:
    return pd.read_csv(folder / out / "feature_rank" / "results.csv")


def test_its_own_kind_runs_here_and_under_ray_to_the_same_numbers(folder: Path) -> None:
    for out, args in (("here", ["--local"]), ("ray", [])):
        done = run(folder, "--out", out, *args)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "5 made, 0 cached" in done.stdout and (folder / out / "feature_rank" / "figure.png").exists()
    here = table(folder, "here")
    pd.testing.assert_frame_equal(here, table(folder, "ray"))
    ranks = here[here.measure == "rank"]
    assert (
        len(ranks) == 4 and ranks.value.between(1, 32).all() and (ranks.kind == "example.feature_rank").all()
    )
    again = run(folder, "--out", "here", "--local")
    assert again.returncode == 0 and "0 made, 5 cached" in again.stdout
    # Without the file its results are unknown, and not damaged.
    command = [str(Path(sys.executable).with_name("randteach")), "ls", "--out", str(folder / "here")]
    listed = subprocess.run(command, capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.endswith("1 jobs, 4 unknown\n"), listed.stdout


@pytest.mark.parametrize(
    ("before", "after", "code", "told"),
    [
        ("    opened.ready()\n", "    return\n", 1, "NoResult: the stage of example.feature_rank returned"),
        ("    opened.ready()\n", "    raise RuntimeError('lost')\n", 1, "RuntimeError: lost"),
        ('"example.feature_rank"', '"feature_rank"', 2, "give it a prefix of your own"),
        ("COUNT = 2000", "COUNT = 2000 if __name__ == '__main__' else 1 / 0", 2, "ZeroDivisionError"),
    ],
)
def test_what_is_wrong_with_it_is_one_message(
    folder: Path, before: str, after: str, code: int, told: str
) -> None:
    text = (folder / "study.py").read_text()
    assert before in text
    (folder / "study.py").write_text(text.replace(before, after))
    done = run(folder, "--local")
    assert done.returncode == code, done.stdout + done.stderr
    assert told in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr
