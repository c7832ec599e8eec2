"""Trials below students, really made: under Ray and here, extended, diverged, and as MLflow shows them."""

import importlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from mlflow import MlflowClient

import randteach
from randteach.cli import main as cli
from randteach.config import overrides
from randteach.engine.context import Context
from randteach.engine.events import Reported
from randteach.engine.execute import attempt
from randteach.identity.artifact import Artifact
from randteach.jobs import effect
from randteach.jobs.fields import FILTERS
from randteach.jobs.study import expand
from randteach.nets.pruning import unpack
from randteach.report import results
from randteach.report import tickets as tickets_report
from randteach.report.results import Results
from randteach.store import plans
from randteach.store.lookup import Lookup, made
from randteach.store.store import Store
from tests.studies import SMALL

SWEEPS = ("lottery_tickets", "mode_connectivity", "loss_landscape", "embedding_plane", "restart")
TINY = [
    *SMALL,
    "data.name=mnist5k",
    "data.like=mnist5k",
    "probe.at=[0,1]",
    "probe.epochs=1",
    "distill.epochs=1",
    "train.epochs=2",
    "train.milestones=[1]",
    "train.batch_size=128",
    "connect.at=[1]",
    "connect.children=2",
    "connect.points=3",
    "connect.train_size=200",
    "connect.test_size=300",
    "plane.resolution=3",
    "plane.train_size=200",
    "plane.test_size=100",
    "rounds=2",
    "tickets.rewind=[1]",
    "tickets.controls=[]",
]
pytestmark = pytest.mark.usefixtures("threads")


def typed(name: str, *pairs: str) -> list[str]:
    """What is typed: of the tiny settings those that decide something in a sweep."""
    study = importlib.import_module(f"sweeps.{name}").STUDY
    axes = overrides.parse(study.presets["mini"], [*TINY, *pairs])
    useless = set(effect.useless(study, axes))
    return [*(pair for pair in TINY if pair.partition("=")[0] not in useless), *pairs]


def here(name: str, out: Path, *pairs: str) -> int:
    """A sweep with --local in this process; its exit code."""
    study = importlib.import_module(f"sweeps.{name}").STUDY
    with pytest.raises(SystemExit) as ended:
        cli.main(study, ["--preset", "mini", "--local", "--out", str(out), *typed(name, *pairs)])
    return int(str(ended.value.code))


def under_ray(name: str, out: Path, *pairs: str) -> str:
    """A sweep in a process of its own, under Ray; what it printed.

    It is typed with relative paths in a folder where modules lie that have names of ours and of Python's.
    """
    here = out.parent
    (here / "loaders").mkdir(parents=True, exist_ok=True)
    for module in ("loaders/__init__.py", "random.py"):
        (here / module).write_text("raise RuntimeError('shadowed')")
    sweep = str(Path("sweeps", f"{name}.py").absolute())
    command = [sys.executable, sweep, "--preset", "mini", "--out", out.name, "data.root=raw"]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(
        [*command, *typed(name, *pairs)], capture_output=True, text=True, env=environment, cwd=here
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in here.iterdir()} <= {out.name, "here", "loaders", "random.py"}
    return done.stdout


def table(name: str, out: Path) -> pd.DataFrame:
    return pd.read_csv(out / name / "results.csv")


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lottery study of two rounds, with all controls."""
    out = tmp_path_factory.mktemp("tickets")
    assert here("lottery_tickets", out, "tickets.controls=[random,random_layers,reinit,transfer]") == 0
    return out


@pytest.mark.parametrize("name", SWEEPS)
def test_each_sweep_ends_in_its_figure(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert here(name, tmp_path) == 0
    found = table(name, tmp_path)
    assert found.value.notna().all() and set(found.status) == {"ok"}
    assert (tmp_path / name / "figure.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert "made, 0 cached" in printed and "MLflow was not written" not in printed
    assert here(name, tmp_path) == 0
    assert ": 0 made" in capsys.readouterr().out
    pd.testing.assert_frame_equal(table(name, tmp_path), found)
    # A study stopped midway has a figure too.
    study, whole = importlib.import_module(f"sweeps.{name}").STUDY, randteach.table(name, tmp_path / "store")
    some, plan = whole.key.isin(whole.key.unique()[::3]), plans.last(Store(tmp_path / "store"), name)
    for part in (whole[:0], whole[whole.role != "student"], whole[whole.place == "corners"], whole[some]):
        found = results.results_of(study, part.reset_index(drop=True), plan["settings"])
        results.draw(study, found, tmp_path / name)
        results.show(study, found)
    # What the store knows without the plan is what was planned.
    store = Store(tmp_path / "store")
    planned, lookup = plans.every_entry(store), Lookup(store)
    for key, artifacts in made(store).items():
        known = lookup.job(artifacts[-1])
        parents = {parent for parent in planned[key].parents if parent.kind != "state"}
        assert set(known.entry.parents) == parents and set(known.settings) <= FILTERS
        if known.entry.kind != "plane":
            assert known.entry.labels["role"] == planned[key].labels["role"]
        if known.entry.kind in ("distill", "train"):
            encoder = randteach.load(key, store=store.root)
            assert encoder(torch.zeros(2, 1, 16, 16)).shape == (2, 32)


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEEPS)
def test_ray_makes_the_same_numbers(name: str, tmp_path: Path) -> None:
    under_ray(name, tmp_path / "ray")
    assert here(name, tmp_path / "here") == 0
    pd.testing.assert_frame_equal(table(name, tmp_path / "ray"), table(name, tmp_path / "here"))


def test_downstream_jobs_run_while_students_train_to_the_same_numbers(tmp_path: Path) -> None:
    """Under Ray and here; the first student's rounds begin before the last student's end."""
    pairs = ("downstream=[probe,tickets,connect]", "seed=0,1", "alpha=0.3,0.6", "distill.epochs=4")
    pairs += ("connect.at=[4]",)
    under_ray("init_distance", tmp_path / "ray", *pairs)
    assert here("init_distance", tmp_path / "here", *pairs) == 0
    found = table("init_distance", tmp_path / "ray")
    pd.testing.assert_frame_equal(found, table("init_distance", tmp_path / "here"))
    for name in ("figure", "tickets", "connectivity"):
        assert (tmp_path / "ray" / "init_distance" / f"{name}.png").exists()
    store = Store(tmp_path / "ray" / "store")
    times: dict[str, list[tuple[float, float]]] = {"distill": [], "train": []}
    for kind in times:
        for name in store.done(kind):
            about = store.json(Artifact.named(kind, name), "provenance")
            times[kind].append((about["began"], about["began"] + about["seconds"]))
    assert min(began for began, _ in times["train"]) < max(ended for _, ended in times["distill"])


def test_a_further_round_makes_itself_alone(tickets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = table("lottery_tickets", tickets)
    assert here("lottery_tickets", tickets, "rounds=3") == 0
    # Lines of student and teacher: a mask and a training each.
    printed = capsys.readouterr().out
    assert "lottery_tickets: 4 made" in printed
    after = table("lottery_tickets", tickets)
    plain = before[before.control.isna()]
    pd.testing.assert_frame_equal(
        after[~(after["round"] >= 3)].reset_index(drop=True), plain.reset_index(drop=True), check_dtype=False
    )


def test_masks_are_packed_apart_from_weights_that_are_zero_where_they_prune(tickets: Path) -> None:
    store = Store(tickets / "store")
    kept = {}
    for name in store.done("mask"):
        artifact = Artifact("mask", name)
        about, packed = store.json(artifact, "config"), store.weights(artifact, "mask")
        assert all(value.dtype == torch.uint8 for value in packed.values())
        kept[name] = unpack(about, packed)
        row = store.rows(artifact)[0]
        assert row["kept_weights"] == round(row["weights"] * (1 - about["fraction"]) ** about["round"])
        total = sum(value.numel() for value in packed.values())
        assert total <= row["weights"] / 8 + len(packed)
    pruned = 0
    for name in store.done("train"):
        artifact = Artifact.named("train", name)
        if mask := kept.get(store.json(artifact, "config")["mask"]):
            weights = store.weights(artifact, "encoder")
            assert not any(weights[n.removeprefix("encoder.")][~own].any() for n, own in mask.items())
            pruned += 1
    assert pruned >= 2 * 2 * 5  # roles, rounds, the ticket and its controls


def test_below_a_diverged_student_all_is_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = ("downstream=[probe,tickets,connect]", "distill.lr=1e30", "probe.at=[]", "connect.at=[1]")
    assert here("init_distance", tmp_path, *pairs) == 0
    found = table("init_distance", tmp_path)
    below = found[(found.role == "student") & (found.kind != "distill")]
    assert set(below.status) == {"skipped: parent diverged"} and below.value.isna().all()
    # The first round is the first child too.
    assert Counter(below.drop_duplicates("key").kind) == {
        "probe": 1, "measure": 1, "train": 4, "mask": 2, "connect": 1
    }  # fmt: skip
    assert set(found[(found.role == "teacher")].status) == {"ok"}
    capsys.readouterr()
    assert here("init_distance", tmp_path, *pairs) == 0
    assert ": 0 made" in capsys.readouterr().out


def test_a_restart_below_a_diverged_round_is_skipped(tmp_path: Path) -> None:
    assert here("restart", tmp_path, "distill.lr=1e30") == 0
    found = table("restart", tmp_path)
    students = found[(found.kind == "distill") & (found["round"] == 2)]
    assert set(students.status) == {"skipped: parent diverged"}
    assert here("restart", tmp_path, "distill.lr=1e30") == 0


def test_momentum_restored_needs_its_state(tmp_path: Path) -> None:
    pairs = ("tickets.momentum=zero,restored", "rounds=1")
    assert here("lottery_tickets", tmp_path, *pairs) == 0
    found = table("lottery_tickets", tmp_path)
    ends = found[(found.role == "teacher") & (found["round"] == 1) & (found.measure == "loss")]
    ends = ends[ends.split == "test"]
    assert set(ends["tickets.momentum"]) == {"zero", "restored"} and ends.value.nunique() == 2
    # The student's rounds are of both, and stand in both panels, with what all began as.
    frame = randteach.table("lottery_tickets", tmp_path / "store")
    panels = tickets_report.contents(Results(frame, {}, {}))
    assert [[line.role for line in panel.lines] for panel in panels] == [["student", "teacher"]] * 2
    assert all([p.n for p in line.points.values()] == [1, 1] for panel in panels for line in panel.lines)


def test_mlflow_nests_downstream_jobs_and_draws_their_curves(tickets: Path) -> None:
    client = MlflowClient(f"sqlite:///{tickets / 'mlflow.db'}")
    (experiment,) = (e for e in client.search_experiments() if e.name == "lottery_tickets")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    by_id = {run.info.run_id: run for run in runs}
    (student,) = (run for run in runs if run.data.tags.get("kind") == "distill")
    below = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == student.info.run_id]
    assert Counter(run.data.tags["kind"] for run in below) >= Counter({"train": 3, "mask": 2})
    curve = client.get_metric_history(student.info.run_id, "tickets/from epoch 1/error")
    assert [point.step for point in sorted(curve, key=lambda p: p.step)][:3] == [0, 1, 2]
    teachers = [r for r in runs if r.data.tags.get("role") == "teacher" and r.data.tags["kind"] == "mask"]
    homes: Any = {by_id[run.data.tags["mlflow.parentRunId"]].data.tags.get("kind") for run in teachers}
    assert homes == {"train"}
    assert json.loads(json.dumps(len(runs))) == len(by_id)


def _is_over(asked: Iterator[int]) -> bool:
    """Whether it has been asked for as often as that."""
    return next(asked, None) is None


def test_a_stopped_training_goes_on_from_its_kept_state(tmp_path: Path) -> None:
    """Stopped in its second epoch, it runs the rest alone, and ends as an undisturbed one does."""
    study = importlib.import_module("sweeps.lottery_tickets").STUDY
    plan = expand(study, overrides.parse(study.presets["mini"], TINY))
    (dense,) = (job for job in plan.jobs if job.kind == "train" and not job.parents)
    assert dense.steps == {4: 1, 8: 2}
    rows: dict[str, list[Any]] = {"whole": [], "parts": []}
    for name, stops in (("whole", [99]), ("parts", [7, 99])):
        store, events = Store(tmp_path / name), list[Any]()
        store.prepare()
        for after in stops:
            stop = partial(_is_over, iter(range(after)))
            context = Context(store, Path("/none"), tmp_path, "memory", events.append, stop=stop)
            outcome, error = attempt(dense, context)
            assert outcome == ("done" if after == 99 else "stopped"), error
        rows[name] = [event.row["step"] for event in events if isinstance(event, Reported)]
        for step in dense.steps:
            artifact = Artifact("train", dense.key, step)
            rows[name].append(store.rows(artifact))
            rows[name].append({n: v.tolist() for n, v in store.weights(artifact, "encoder").items()})
    assert rows["whole"] == rows["parts"] and rows["whole"][:2] == [4, 8]
    assert not list((tmp_path / "parts" / "store").glob("work/*/*/*.safetensors"))
