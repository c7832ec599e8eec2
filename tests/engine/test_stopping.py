"""Studies that are stopped, fail or are tried again, in this process and without Ray."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import randteach
from randteach.stages import probe as stage
from randteach.stages.distill import Student
from randteach.store import work
from randteach.store.store import Store
from tests.studies import SMALL, STUDY

PAIRS = [*SMALL, "data.name=mnist5k", "data.like=mnist5k", "loader=memory", "distill.epochs=2"]
Start = Callable[..., int]
pytestmark = pytest.mark.usefixtures("threads")


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """The study, started in this process; its exit code."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*args: str) -> int:
        with pytest.raises(SystemExit) as ended:
            randteach.main(STUDY, ["--preset", "mini", "--local", "--out", str(tmp_path), *PAIRS, *args])
        return int(str(ended.value.code))

    return run


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Have so many calls of the probe raise an exception; how many are left."""
    probe = stage.probe

    def fail(times: int) -> list[int]:
        left = [times]

        def raising(*args: Any) -> None:
            if left[0]:
                left[0] -= 1
                raise RuntimeError("the probe fails")
            probe(*args)

        monkeypatch.setattr(stage, "probe", raising)
        return left

    return fail


def test_no_hours_make_nothing_and_a_start_goes_on(
    start: Start, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert start("--max-hours", "0") == 130
    said = capsys.readouterr().out
    assert "--max-hours 0 are over" in said and "not made" in said and "go on with: " in said
    assert start("--max-hours", "1") == 0
    assert "not made" not in capsys.readouterr().out
    assert not list((tmp_path / "store" / "work").iterdir())


def test_a_job_that_fails_once_is_tried_again_when_asked(
    start: Start, failing: Callable[[int], list[int]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    left = failing(2)
    assert start("--retry", "2") == 0
    assert left == [0] and capsys.readouterr().out.count("to be made again, it failed") == 2
    assert work.failures(Store(tmp_path / "store")) == []


def test_a_failure_is_kept_and_the_next_start_heals_it(
    start: Start, failing: Callable[[int], list[int]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    failing(1)
    store = Store(tmp_path / "store")
    assert start() == 1
    said = capsys.readouterr().out
    (key,) = work.failures(store)
    assert "10 made, 0 cached, 1 failed" in said and f"`randteach logs {key[:8]}`" in said
    found = work.failure(store, key)
    assert found and "RuntimeError: the probe fails" in found["error"] and "data and" not in found["log"][0]
    assert "probe of " in found["log"][0]
    assert start() == 0
    assert "1 made, 10 cached" in capsys.readouterr().out and work.failures(store) == []


def test_after_so_many_failures_nothing_more_is_started(
    start: Start, failing: Callable[[int], list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    left = failing(100)
    assert start("--max-failures", "2") == 1
    said = capsys.readouterr().out
    assert left == [98] and "--max-failures 2 is reached" in said and "2 failed, 6 not made" in said


@pytest.mark.parametrize("left", ["nothing", "an empty folder", "neither it nor --out"])
def test_a_store_that_vanishes_ends_the_sweep_in_one_message(
    left: str,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is never made anew: neither a folder that was removed nor one below which a disk was."""
    store, out, probe = tmp_path / "store", tmp_path / "out", stage.probe

    def vanishing(*args: Any) -> None:
        store.rename(tmp_path / "away")
        if left == "an empty folder":
            store.mkdir()
        if left == "neither it nor --out":
            shutil.rmtree(out)
        monkeypatch.setattr(stage, "probe", probe)
        probe(*args)

    monkeypatch.setattr(stage, "probe", vanishing)
    assert start("--out", str(out), "--store", str(store)) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"error: --store {store}: has gone while the sweep ran; it is not made anew")
    assert said.err.count("\n") == 1 and not re.search("fail|MLflow|damaged|not made", said.out)
    assert (list(store.iterdir()) if left == "an empty folder" else not store.exists()) in ([], True)
    assert out.exists() == (left != "neither it nor --out")
    if left != "nothing":
        return
    (tmp_path / "away").rename(store)
    shutil.rmtree(store / "sessions")  # whose process has ended, were it another one
    assert start("--out", str(out), "--store", str(store)) == 0
    assert "9 made, 2 cached" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--retry", "-1"], "'-1': takes a whole number"),
        (["--retry", "x"], "'x': takes a whole number"),
        (["--max-failures", "1.5"], "'1.5': takes a whole number"),
        (["--max-failures", "0"], "'0': takes a whole number, 1 or more"),
        (["--max-hours", "nan"], "'nan': takes hours"),
        (["--max-hours", "-1"], "'-1': takes hours"),
    ],
)
def test_limits_that_are_none(
    given: list[str], message: str, start: Start, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert start(*given) == 2
    assert message in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_wider_grid_makes_only_what_is_new(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    assert start("alpha=0,0.5") == 0
    # Two students; three probes of each, of teacher and pixels, and a measure beside each probe.
    assert "18 made, 0 cached" in capsys.readouterr().out
    wider = ("alpha=0,0.25,0.5,1", "seed=0,1")
    assert start(*wider, "--dry-run") == 0
    said = capsys.readouterr().out
    assert "62 jobs, 44 missing" in said
    assert "distill      8   done     2   missing     6" in said
    assert "probe       27   done     8   missing    19" in said
    assert "measure     27   done     8   missing    19" in said
    trained = list[int]()
    step = Student.update

    def counted(student: Student, *args: Any) -> None:
        trained.append(student.spec.seed_order)
        step(student, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Student, "update", counted)
        assert start(*wider) == 0
    assert "44 made, 18 cached" in capsys.readouterr().out
    # Eight steps of each of the six new students, two of seed 0 and four of seed 1, and of no other.
    assert sorted(trained) == [0] * 16 + [1] * 32


def test_more_epochs_train_on_from_where_it_ended(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    assert start() == 0
    capsys.readouterr()
    assert start("distill.epochs=4") == 0
    assert "3 made, 8 cached" in capsys.readouterr().out  # the further snapshot, its probe and measure
