"""Plans of older versions, which called jobs of different keys alike, as they are read today."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import randteach
from randteach.jobs import recorded
from randteach.jobs.job import Job
from randteach.jobs.study import Plan, expand
from randteach.store import plans
from randteach.store.store import Store
from tests.artifacts import commit
from tests.jobs.test_names import STUDIES, axes_of

SWEEPS = [
    ("lottery_tickets", ["seeds.student=0,1", "tickets.controls=[transfer,random]", "rounds=1"]),
    ("init_distance", ["probe.val_fraction=0,0.1"]),
    ("init_distance", ["seeds.augment=0,1", "data.augment=flip_crop", "downstream=[probe,connect]"]),
    ("init_distance", ["seeds.order=0,5", "downstream=[probe,connect]"]),
    ("init_distance", ["seeds.teacher=3,4", "distill.teacher_norm=identity,calibrated", "seed=0,1"]),
    ("mode_connectivity", ["connect.test_size=null,50", "head.hidden_dims=[8],[9]"]),
    ("restart", ["distill.lr=1e-7,5e-7", "seed=0,1"]),
]


def older(job: Job) -> dict[str, Any]:
    """A job as a plan recorded it that knew no draws and no swept settings of it."""
    labels = {name: value for name, value in job.labels.items() if "." not in name and name != "draw"}
    if labels["role"] == "random":
        labels |= {"role": "student", "teacher": "t", "alpha": 0.3, "at": 2.0}
    if job.kind == "probe" and labels["role"] == "teacher" and "seeds.teacher" in job.labels:
        labels["seed"] = job.labels["seeds.teacher"]
    return replace(job.entry, labels=labels, about=None).as_json()


def keep(store: Store, plan: Plan) -> None:
    """Keep a plan as an older version did."""
    content = recorded.project(plan, "Why?")
    content["jobs"] = [older(job) for job in plan.jobs]
    del content["labels"]
    plans.keep(store, plan.study, json.dumps(content).encode(), {})


@pytest.mark.parametrize(("name", "typed"), SWEEPS, ids=[" ".join(typed) for _, typed in SWEEPS])
def test_an_older_plan_has_todays_labels(name: str, typed: list[str], tmp_path: Path) -> None:
    study, store = STUDIES[name], Store(tmp_path / "store")
    store.prepare()
    plan = expand(study, axes_of(study, typed))
    keep(store, plan)
    for job in plan.jobs:
        commit(store, job, step=max(job.steps) if job.steps else None)
    wanted = {job.key: dict(job.labels) for job in plan.jobs}
    assert {entry.key: dict(entry.labels) for entry in plans.entries(store, name)} == wanted
    assert {key: dict(entry.labels) for key, entry in plans.every_entry(store).items()} == wanted
    assert {job["key"]: job["labels"] for job in plans.last(store, name)["jobs"]} == wanted
    assert len(randteach.table(name, store.address).columns) > 30


def test_what_the_store_lacks_keeps_its_older_labels(tmp_path: Path) -> None:
    """But for what the records of its parents say."""
    study, store = STUDIES["init_distance"], Store(tmp_path / "store")
    store.prepare()
    plan = expand(study, axes_of(study, ["distill.lr=1e-3,1e-2", "probe.lr=1e-3,1e-2", "probe.at=[]"]))
    keep(store, plan)
    students = [job for job in plan.jobs if job.kind == "distill"]
    commit(store, students[0], step=max(students[0].steps))
    found = {entry.key: entry.labels for entry in plans.entries(store, "init_distance")}
    assert found[students[0].key] == students[0].labels
    assert (
        "distill.lr" not in found[students[1].key]
        and found[students[1].key]["draw"] == students[0].labels["draw"]
    )
    for job in plan.jobs:
        if job.kind == "probe" and job.labels["role"] == "student":
            known = job.parents[0].key == students[0].key
            assert found[job.key].get("distill.lr") == (job.labels["distill.lr"] if known else None)
            assert "probe.lr" not in found[job.key]


def test_a_plan_of_today_is_read_as_it_is(tmp_path: Path) -> None:
    study, store = STUDIES["init_distance"], Store(tmp_path / "store")
    store.prepare()
    plan = expand(study, axes_of(study, ["probe.lr=1e-3,1e-2"]))
    plans.record(store, plan, "Why?", {})
    assert plans.entries(store, "init_distance") == [job.entry for job in plan.jobs]
