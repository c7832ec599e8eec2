"""The tidy table: a row for every planned number, with its value or with why it has none."""

import importlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from randteach.config import overrides
from randteach.errors import Damaged
from randteach.jobs.job import Job
from randteach.jobs.study import Plan, expand
from randteach.report import table
from randteach.store import work
from randteach.store.store import Store, folder
from tests.artifacts import commit

PAIRS = ("seed=0", "alpha=0.3", "data.name=mnist5k", "data.like=mnist5k", "train.epochs=8", "probe.at=[0,2]")
PAIRS = (*PAIRS, "distill.epochs=4", "connect.test_size=500", "plane.test_size=500")
STEPS = (0, 64, 128)  # ceil(4,000 / 128) = 32 an epoch
PROBED = ("knn", "linear", "linear_std")
DISTANCES = [f"distance_{of}_{part}" for of in ("start", "teacher") for part in ("encoder", "head")]


def planned(name: str, *pairs: str) -> Plan:
    study = importlib.import_module(f"sweeps.{name}").STUDY
    chosen = [pair for pair in PAIRS if not (name == "loss_landscape" and pair.startswith("alpha="))]
    return expand(study, overrides.parse(study.presets["mini"], [*chosen, *pairs]))


def build(store: Store, plan: Plan) -> pd.DataFrame:
    return table.build(store, plan.study, [job.entry for job in plan.jobs], plan.settings)


def only(plan: Plan, kind: str, role: str) -> list[Job]:
    return [job for job in plan.jobs if (job.kind, job.labels["role"]) == (kind, role)]


def empty(frame: pd.DataFrame, **where: Any) -> Counter[tuple[Any, ...]]:
    """Numbers without value by measure, split, step and status; all of them stand once."""
    for name, value in where.items():
        frame = frame[frame[name] == value]
    rows = frame[frame.value.isna()][["measure", "split", "step", "status"]].itertuples(index=False)
    return Counter(tuple(None if pd.isna(value) else value for value in row) for row in rows)


def learnt(*steps: int) -> list[dict[str, Any]]:
    return [{"step": s, "epoch": s // 32, **({"loss": 9.0, "kl": 1.0} if s else {})} for s in steps]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    found.prepare()
    return found


def test_every_planned_number_has_a_row(store: Store) -> None:
    """Of a student that stopped after epoch 2, a teacher's probe that failed, and pixels that are missing."""
    plan = planned("init_distance", "probe.val_fraction=0.1")
    (student,), probes = only(plan, "distill", "student"), only(plan, "probe", "student")
    begin, middle, last = student.steps
    commit(store, student, learnt(begin), step=begin)
    commit(store, student, learnt(begin, middle // 2, middle), step=middle)
    commit(store, probes[0], [{"split": "test", "linear": 1.0, "linear_std": 2.0, "knn": 3.0}])
    for kind in ("probe", "measure"):
        (teacher,) = only(plan, kind, "teacher")
        work.record_failure(store, teacher.key, {"error": "no"})
    frame = build(store, plan)
    mine = frame[frame.kind == "distill"]
    assert mine.dropna(subset="value").step.max() == middle and mine.step.max() == last
    assert empty(frame, kind="distill") == Counter(
        (measure, None, last, "missing") for measure in ("loss", "kl", *DISTANCES)
    )
    both = [(measure, split) for measure in (*PROBED, "logistic") for split in ("test", "val")]
    assert empty(frame, role="teacher") == Counter((*one, None, "failed") for one in both)
    assert empty(frame, role="input") == Counter((*one, None, "missing") for one in both)
    at = Counter((*one, step, "missing") for one in both for step in (middle, last))
    at += Counter(("logistic", split, begin, "missing") for split in ("test", "val"))
    # What a whole result lacks is not planned.
    assert empty(frame[frame.kind != "distill"], role="student") == at
    assert set(mine[mine.step == last].epoch) == {4}


def test_a_diverged_student_has_all_its_steps_and_so_have_its_probes(store: Store) -> None:
    plan = planned("init_distance")
    (student,) = only(plan, "distill", "student")
    commit(store, student, learnt(0), step=0)
    bad = [*learnt(0), {"step": 32, "epoch": 1, "loss": None, "kl": None, "diverged_at": 3}]
    for step in STEPS[1:]:
        commit(store, student, bad, step=step, status="diverged")
    frame = build(store, plan)
    mine = frame[frame.kind == "distill"]
    assert set(mine.status) == {"diverged"} and set(mine.numerics) == {"n"}
    assert sorted(mine[mine.measure == "loss"].step) == [32, 64, 128]
    assert mine[mine.measure == "loss"].value.isna().all()
    probes = frame[(frame.kind == "probe") & (frame.role == "student")]
    assert set(zip(probes.step, probes.status, strict=True)) == {
        (0, "missing"), (64, "skipped: parent diverged"), (128, "skipped: parent diverged")
    }  # fmt: skip


def test_what_a_stage_says_of_itself_is_the_status(store: Store) -> None:
    plan = planned("init_distance")
    (pixels,) = only(plan, "measure", "input")
    commit(store, pixels, [{"split": "test", "logistic": None}], status="not converged")
    (teacher,) = only(plan, "probe", "teacher")
    commit(store, teacher, [{"split": "test", "linear": 1.0}], status="not converged")
    frame = build(store, plan)
    assert empty(frame, kind="measure", role="input") == {("logistic", "test", None, "not converged"): 1}
    left = Counter((name, "test", None, "not converged") for name in ("knn", "linear_std"))
    assert empty(frame, kind="probe", role="teacher") == left


@pytest.mark.parametrize(
    ("name", "pairs", "kind", "count"),
    [
        ("lottery_tickets", (), "train", 4),  # error and loss of both splits
        ("lottery_tickets", (), "mask", 3),
        ("mode_connectivity", ("connect.at=null",), "connect", 2 * 2 * 4 + 2),  # two modes of norm layers
        ("mode_connectivity", ("connect.at=null", "net.arch=vgg11", "data.size=32"), "connect", 2 * 4 + 2),
        ("loss_landscape", ("plane.norm=batch",), "plane", 2 + 3 + 1),
        ("restart", (), "probe", 3),
        ("restart", (), "measure", 1),
    ],
)
def test_downstream_jobs_that_are_missing(
    name: str, pairs: tuple[str, ...], kind: str, count: int, store: Store
) -> None:
    plan = planned(name, *pairs)
    frame = build(store, plan)
    assert frame.value.isna().all() and set(frame.status) == {"missing"}
    of_kind = frame[frame.kind == kind]
    assert set(of_kind.groupby("key").size()) == {count}
    assert len(of_kind.drop_duplicates(["key", "measure", "split", "bn", "step"])) == len(of_kind)
    if kind in ("connect", "plane"):
        assert of_kind[of_kind.split.notna()].bn.notna().all()


def test_what_is_damaged_is_missing_where_somebody_is_told(store: Store) -> None:
    plan = planned("init_distance")
    (student,) = only(plan, "distill", "student")
    for step in STEPS:
        commit(store, student, learnt(*range(0, step + 1, 32)), step=step)
    last = student.artifacts[-1]
    at = f"{folder(last)}/{store.commit_of(last).attempt}/metrics.jsonl"
    (store.root / at).write_text("{}")
    with pytest.raises(Damaged):
        build(store, plan)
    told: list[Damaged] = []
    frame = table.build(store, "s", [student.entry], plan.settings, told.append)
    assert len(told) == 1 and told[0].artifact == last
    assert frame[frame.step == 128].status.unique().tolist() == ["missing"]
    assert frame.dropna(subset="value").step.max() == 64


def test_whole_numbers_stay_whole_beside_empty_cells(store: Store, tmp_path: Path) -> None:
    """Also those of older stores, which took larger seeds; pixels have none."""
    plan = planned("init_distance")
    large = 2**63 - 25
    swept = {"seed": large, "seeds.order": large - 2, "distill.drop_last": True}
    entries = [job.entry for job in plan.jobs if job.labels["role"] != "input"]
    entries = [replace(entry, labels={**entry.labels, **swept}) for entry in entries]
    pixels = [job.entry for job in only(plan, "probe", "input")]
    frame = table.build(store, "s", [*entries, *pixels], plan.settings)
    table.write(frame, tmp_path)
    parquet = pd.read_parquet(tmp_path / "results.parquet")
    pd.testing.assert_frame_equal(parquet, frame)
    text = pd.read_csv(tmp_path / "results.csv", dtype_backend="numpy_nullable")
    for found in (frame, parquet, text):
        for name, value in (("seed", large), ("seeds.order", large - 2), ("width", 8), ("step", 128)):
            column = found[name]
            assert str(column.dtype) == "Int64" and column.isna().any() and column.max() == value
        assert found["distill.drop_last"].dropna().all()
    assert f",{large}," in (tmp_path / "results.csv").read_text()


def test_draw_names_the_first_teacher_without_its_norm_mode() -> None:
    """Alike for a teacher in all its modes, its students, their restarts, and all below; never for pixels."""
    modes = planned("init_distance", "distill.teacher_norm=identity,calibrated,batch", "seed=0,1")
    by_seed = {
        seed: {job.labels["draw"] for job in modes.jobs if job.labels.get("seed") == seed} for seed in (0, 1)
    }
    assert all(len(draws) == 1 for draws in by_seed.values()) and by_seed[0] != by_seed[1]
    assert len({job.labels["teacher"] for job in modes.jobs if "teacher" in job.labels}) == 6
    assert all("draw" not in job.labels for job in only(modes, "probe", "input"))
    for name in ("restart", "lottery_tickets", "mode_connectivity", "loss_landscape"):
        pairs = ("connect.at=null",) if name == "mode_connectivity" else ()
        jobs = planned(name, *pairs).jobs
        assert {job.labels.get("draw") for job in jobs if job.labels["role"] != "input"} == by_seed[0]
