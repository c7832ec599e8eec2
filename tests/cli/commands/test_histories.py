"""MLflow's histories against the store's rows: every number once, at the row's own step and time."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from randteach.engine.events import Began
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Entry
from randteach.store import plans
from randteach.store.artifacts import commit_name
from randteach.store.store import Store
from randteach.tracking import metrics
from randteach.tracking.projector import Projector
from randteach.tracking.tree import Tree
from tests.cli.commands.conftest import planned

History = Counter[tuple[str, float, int, int]]  # name, value, time stamp, step
PLAN = planned()


def histories(out: Path) -> dict[str, History]:
    """What the database has of each run, by the key of its job."""
    with closing(sqlite3.connect(out / "mlflow.db")) as database:
        found: dict[str, History] = {
            key: Counter()
            for (key,) in database.execute(
                "select t.value from runs r join tags t using (run_uuid) "
                "where t.key = 'key' and r.lifecycle_stage = 'active'"
            )
        }
        for key, *metric in database.execute(
            "select t.value, m.key, m.value, m.timestamp, m.step from metrics m "
            "join tags t using (run_uuid) join runs r using (run_uuid) "
            "where t.key = 'key' and r.lifecycle_stage = 'active'"
        ):
            found[key][tuple(metric)] += 1
    return found


def of_row(row: Mapping[str, Any], step: int, prefix: str = "") -> History:
    """A row's numbers as they are to be shown."""
    prefix += "" if row.get("split", "test") == "test" else row["split"] + "_"
    numbers = {
        name: value for name, value in row.items() if isinstance(value, int | float) and name != "step"
    }
    return Counter({(prefix + name, float(value), step, step): 1 for name, value in numbers.items()})


def expected(store: Store) -> dict[str, History]:
    """What the store's rows come to: a student's run has its own rows, and its probes' as curves."""
    found: dict[str, History] = {"sweep": Counter()}
    found |= {job.key: Counter() for job in PLAN.jobs}
    for job in PLAN.jobs:
        for row in store.rows(job.artifacts[-1]):
            if job.kind == "distill":
                found[job.key] += of_row(row, row["step"])
            else:
                step = job.parents[0].step or 0 if job.parents else 0
                found[job.key] += of_row(row, step)
                if job.parents:
                    found[job.parents[0].key] += of_row(row, step, "mnist5k/")
    return found


def tree(out: Path, store: Store) -> Tree:
    return Tree(out, store, plans.last(store, "small"))


def test_every_number_of_the_store_is_there_once_at_its_step(out: Path, store: Store) -> None:
    """Live rows first, then whole jobs, then all of it again by one who does not know that it is written."""
    first, wanted = tree(out, store), expected(store)
    assert sum(history.total() for history in wanted.values()) >= 80
    for job in PLAN.jobs:
        for row in store.rows(job.artifacts[-1]):
            first.row(job.key, row)
    live = histories(out)
    assert live[PLAN.jobs[0].key] and all(live[key] <= wanted[key] for key in live)
    first.write_all()
    assert histories(out) == wanted
    again = tree(out, store)
    again.written.clear()
    again.write_all()
    assert histories(out) == wanted


def test_two_that_write_beside_each_other_make_one_run_of_a_job(out: Path, store: Store) -> None:
    """It begins and ends when the job did, and says nothing of an earlier failure."""
    one, two = tree(out, store), tree(out, store)
    probe = next(job for job in PLAN.jobs if job.labels["role"] == "input")
    one.end(probe.key, "failed", "no room")
    two.write_all()
    one.write_all()
    assert histories(out) == expected(store)
    runs = {run.data.tags["key"]: run for run in one.client.search_runs([one.experiment])}
    for job in PLAN.jobs:
        made = store.json(job.artifacts[-1], "provenance")
        assert runs[job.key].info.end_time == int(1000 * (made["began"] + made["seconds"]))
        assert "error" not in runs[job.key].data.tags and runs[job.key].info.status == "FINISHED"
        if job is not probe:
            assert runs[job.key].info.start_time == int(1000 * made["began"])


def test_of_a_job_made_anew_the_new_rows_alone_are_shown(out: Path, store: Store) -> None:
    """A student with its probes, by other code with other numbers; and then a probe alone."""
    tree(out, store).write_all()
    student = next(job for job in PLAN.jobs if job.kind == "distill")
    below = [job for job in PLAN.jobs if job.parents and job.parents[0].key == student.key]
    for jobs, change in (([student, *below], b"9"), (below[:1], b"8")):
        for artifact in [artifact for job in jobs for artifact in job.artifacts]:
            remade(store, artifact, change)
        anew = tree(out, store)
        anew.write_all()
        assert histories(out) == expected(store)
        runs = {run.info.run_id: run for run in anew.client.search_runs([anew.experiment])}
        for job in below:
            assert runs[anew.runs[job.key]].data.tags["mlflow.parentRunId"] == anew.runs[student.key]
        assert len(runs) == 1 + len(PLAN.jobs)


def test_of_a_job_made_anew_live_rows_do_not_join_the_old(out: Path, store: Store) -> None:
    tree(out, store).write_all()
    (pixels,) = [job for job in PLAN.jobs if job.labels["role"] == "input" and job.kind == "probe"]
    (artifact,) = pixels.artifacts
    store.storage.remove(f"done/probe/{artifact.key[:2]}/{artifact.name}.json")
    anew = tree(out, store)
    anew.write_all()
    anew.begin(pixels.key)
    anew.row(pixels.key, {"split": "test", "linear": 0.5})
    assert histories(out)[pixels.key] == Counter({("linear", 0.5, 0, 0): 1})


def remade(store: Store, artifact: Artifact, digit: bytes) -> None:
    """Put an artifact with other numbers in an artifact's place."""
    files = {name: store.read(artifact, name) for name in store.commit_of(artifact).files}
    rows = files["metrics.jsonl"]
    files["metrics.jsonl"] = rows.replace(b".", b"." + digit)
    store.storage.remove(f"done/{artifact.kind}/{artifact.key[:2]}/{artifact.name}.json")
    store.commit(artifact, files, status="ok", seconds=1.0, numerics="n")


def test_a_longer_training_goes_on_in_its_run(out: Path, store: Store) -> None:
    """Its run is the same, since all that was written of it still stands."""
    student = next(job for job in PLAN.jobs if job.kind == "distill")
    plan = plans.last(store, "small")
    for item in plan["jobs"]:
        if item["key"] == student.key:
            item["steps"] = item["steps"][:-1]
    shorter = Tree(out, store, plan)
    shorter.write_all()
    run = shorter.runs[student.key]
    longer = tree(out, store)
    longer.write_all()
    assert longer.runs[student.key] == run and histories(out) == expected(store)


LINE = {"role": "student", "pair": "ab-cd", "at": 3.0}
ROUND = {"role": "student", "round": 2, "control": "", "at": 1.0, "tickets.fraction": 0.5, "distill.lr": 0.1}
LISTED = {"role": "student", "probed_on": "mnist", "step": 3, "probe.lr": 1e-7, "train.milestones": "[4, 6]"}


@pytest.mark.parametrize(
    ("kind", "labels", "rows", "curve"),
    [
        (
            "connect",
            LINE,
            [{"gamma": 0.5, "error": 3.0}, {"barrier_error": 2.0, "bn": "reset"}],
            [("barrier ab-cd/reset/barrier_error", 2.0, 3, 3)],
        ),
        (
            "train",
            ROUND,
            [
                {"step": 1, "split": "test", "error": 9.0, "loss": 8.0},
                {"step": 2, "split": "test", "error": 7.0, "loss": 6.0},
                {"step": 2, "split": "train", "error": 5.0, "loss": 4.0},
            ],
            [
                ("tickets/from epoch 1/tickets.fraction 0.5/error", 7.0, 2, 2),
                ("tickets/from epoch 1/tickets.fraction 0.5/loss", 6.0, 2, 2),
            ],
        ),
        (
            "probe",
            LISTED,
            [{"split": "test", "knn": 7.0}],
            [("mnist/probe.lr 1e-7/train.milestones 4 6/knn", 7.0, 3, 3)],
        ),
    ],
)
def test_the_curves_of_lines_and_rounds(
    kind: str, labels: dict[str, Any], rows: list[dict[str, Any]], curve: list[tuple[Any, ...]]
) -> None:
    entry = Entry(kind, "a" * 24, {}, (Artifact("distill", "b" * 24, 3),), labels)
    found = metrics.curve(entry, rows, {"role": "student", "distill.lr": 0.1})
    assert [(item.key, item.value, item.timestamp, item.step) for item in found] == curve


def test_points_of_a_line_or_a_row_are_steps_in_thousandths() -> None:
    rows = [{"gamma": 0.25, "error": 1.0, "split": "train"}, {"x": -0.1, "y": 0.5, "kl": 2.0}]
    found = [(item.key, item.value, item.timestamp, item.step) for item in metrics.of_rows(rows, 7)]
    assert found == [("train_error", 1.0, 250, 250), ("kl", 2.0, 0, -100)]


def test_what_no_event_tells_of_is_written_at_the_end(
    out: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made after all that was there was written, by a sweep that could not say so."""
    artifact = PLAN.jobs[0].artifacts[-1]
    name = commit_name(artifact)
    kept, heard = store.storage.read(name), threading.Event()
    store.storage.remove(name)
    monkeypatch.setattr("randteach.tracking.projector._show", lambda tree, event: heard.set())
    projector = Projector(out, store, print)
    projector.start(plans.last(store, "small"))
    projector.handle(Began(artifact.key))
    assert heard.wait(120) and not histories(out)["sweep"]
    store.storage.replace(name, kept)
    assert not projector.finish([], "FINISHED")
    assert histories(out) == expected(store)
