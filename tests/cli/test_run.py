"""Small studies on real images, from the command line to table, figure and tracking."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from mlflow import MlflowClient

import randteach
from randteach.engine import execute
from tests.studies import SMALL, STUDY, gains, sweep, values

pytestmark = pytest.mark.usefixtures("threads")


def here(out: Path, *args: str) -> int:
    """A sweep in this process, without Ray; its exit code."""
    with pytest.raises(SystemExit) as ended:
        randteach.main(STUDY, ["--preset", "mini", "--local", "--out", str(out), *SMALL, *args])
    return int(str(ended.value.code))


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("local")
    assert here(out, "distill.epochs=2") == 0
    return out


def test_it_leaves_table_figure_and_tracking(two_epochs: Path) -> None:
    for name in ("results.csv", "results.parquet", "figure.png", "figure.pdf", "settings.yaml"):
        assert (two_epochs / "init_distance" / name).stat().st_size
    table = values(two_epochs)
    assert len(table[(table.kind == "probe") & (table.role == "student")]) == 3 * 3
    assert set(table.epoch.dropna()) == {0, 1, 2}


def test_again_trains_nothing_and_changes_nothing(
    two_epochs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (two_epochs / "init_distance" / "results.csv").read_bytes()
    assert here(two_epochs, "distill.epochs=2") == 0
    assert "0 missing" in capsys.readouterr().out
    assert (two_epochs / "init_distance" / "results.csv").read_bytes() == before


def test_ray_memory_and_a_lengthened_run_give_the_same_bits(
    two_epochs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From memory, first one epoch here and then the second under Ray: against two at once, by FFCV."""
    assert here(tmp_path, "loader=memory", "distill.epochs=1") == 0
    assert "were estimated" not in capsys.readouterr().out  # there was nothing to go by
    lengthened = sweep(tmp_path, "loader=memory", *SMALL, "distill.epochs=2")
    assert re.search(r"\njobs took [\d.]+ .+ of one worker, [\d.]+ .+ were estimated\n", lengthened)
    pd.testing.assert_frame_equal(values(two_epochs), values(tmp_path), check_exact=True)


def test_students_pass_their_teacher_and_near_ones_more(tmp_path: Path) -> None:
    """The paper's claim, in three epochs on 10,000 images under Ray: both ends of alpha."""
    fewer = ("probe.train_size=3000", "probe.test_size=3000")
    sweep(tmp_path, "alpha=1e-10,1", "seed=0", "distill.epochs=3", "probe.at=[3]", *fewer)
    found = gains(tmp_path)
    assert (found["linear"] > 0).all()
    for measure in ("linear", "linear_std", "knn"):
        mean = found[measure].groupby("alpha").mean()
        assert mean[1e-10] > mean[1]
    assert found["linear"].groupby("alpha").mean()[1e-10] > 5


def test_a_notebook_reads_students_and_table(two_epochs: Path) -> None:
    table = randteach.table("init_distance", two_epochs / "store")
    pd.testing.assert_frame_equal(table.reset_index(drop=True), table)
    assert len(table) == len(values(two_epochs))
    key = table[table.kind == "distill"].key.iloc[0]
    encoder = randteach.load(key[:8], store=two_epochs / "store")
    assert not encoder.training
    assert encoder(torch.zeros(2, 1, 16, 16)).shape == (2, 32)
    with pytest.raises(ValueError, match="no student"):
        randteach.load("ffffffff", store=two_epochs / "store")


def test_a_failed_job_stops_no_other_and_is_made_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make = execute.execute

    def broken(job: execute.Job, context: execute.Context) -> None:
        if job.labels["role"] == "teacher":
            raise OSError("no space left on device")
        make(job, context)

    monkeypatch.setattr(execute, "execute", broken)
    assert here(tmp_path, "distill.epochs=1") == 1
    printed = capsys.readouterr().out
    assert "2 failed" in printed and "no space left on device" in printed and "go on with" in printed
    teacher = values(tmp_path).query("role == 'teacher'")
    assert teacher.value.isna().all() and set(teacher.status) == {"failed"}
    assert sorted(teacher.measure) == ["knn", "linear", "linear_std", "logistic"]
    monkeypatch.undo()
    assert here(tmp_path, "distill.epochs=1") == 0
    assert "2 made, 7 cached" in capsys.readouterr().out


def test_a_stopped_sweep_shows_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make = execute.execute

    def stopped(job: execute.Job, context: execute.Context) -> None:
        if job.kind == "probe":
            raise KeyboardInterrupt
        make(job, context)

    monkeypatch.setattr(execute, "execute", stopped)
    assert here(tmp_path, "distill.epochs=1") == 130
    assert "go on with" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_where_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here(tmp_path, "distill.epochs=1", "resources.distill.gpus=1") == 2
    said = capsys.readouterr().err
    assert "resources.distill: cpus=1 gpus=1 never fit" in said and " and 0 GPUs; lower " in said


def test_a_diverged_student_is_a_result(tmp_path: Path) -> None:
    assert here(tmp_path, "distill.epochs=2", "distill.lr=1e30") == 0
    table = values(tmp_path)
    student = table[table.role == "student"]
    assert set(student[student.kind == "distill"].status) == {"diverged"}
    assert "skipped: parent diverged" in set(student[student.kind == "probe"].status)
    assert (table[table.role == "teacher"].status == "ok").all()


def runs(out: Path) -> dict[str, dict[str, object]]:
    """MLflow's runs by key: name, parent's key, status, metrics and parameters."""
    client = MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("init_distance")
    assert experiment
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    keys = {run.info.run_id: run.data.tags["key"] for run in found}
    assert len(set(keys.values())) == len(found)
    return {
        run.data.tags["key"]: {
            "name": run.info.run_name,
            "parent": keys.get(run.data.tags.get("mlflow.parentRunId", "")),
            "status": run.info.status,
            "role": run.data.tags["role"],
            "alpha": run.data.tags.get("alpha"),
            "metrics": run.data.metrics,
            "params": run.data.params,
            "artifacts": sorted(item.path for item in client.list_artifacts(run.info.run_id)),
        }
        for run in found
    }


def test_mlflow_shows_the_study_and_is_rebuilt_from_the_store(two_epochs: Path) -> None:
    before = runs(two_epochs)
    sweep_run = before["sweep"]
    names = ["figure.pdf", "figure.png", "results.csv", "results.parquet", "settings.yaml"]
    assert sweep_run["artifacts"] == names
    students = {key: run for key, run in before.items() if run["name"].startswith("student")}  # type: ignore[attr-defined]
    assert [run["parent"] for run in students.values()] == ["sweep"]
    (key, student), table = students.popitem(), values(two_epochs)
    assert {run["parent"] for run in before.values() if "probe of student" in str(run["name"])} == {key}
    assert {run["parent"] for run in before.values() if "probe of teacher" in str(run["name"])} == {"sweep"}
    assert student["alpha"] == "0.3" and student["params"]["distill.lr"] == "0.001"  # type: ignore[index]
    last = table[(table.key == key) & (table.epoch == 2)].set_index("measure").value
    for name in ("loss", "kl", "distance_start_encoder"):
        assert student["metrics"][name] == last[name]  # type: ignore[index]
    assert {run["status"] for run in before.values()} == {"FINISHED"}
    (two_epochs / "mlflow.db").unlink()
    assert here(two_epochs, "distill.epochs=2") == 0
    assert runs(two_epochs) == before


def test_a_mistake_is_one_message(tmp_path: Path) -> None:
    command = [sys.executable, "sweeps/init_distance.py", "--out", str(tmp_path), "alhpa=0"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: alhpa: no such setting; did you mean alpha?\n"
    assert not any(tmp_path.iterdir())
