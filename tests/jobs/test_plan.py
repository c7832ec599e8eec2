"""Plans: which jobs the points of a study come to, in which order, and which of them a store lacks."""

import dataclasses
import importlib
import json
import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from loaders import DATASETS
from randteach.config import overrides
from randteach.config.schema import Config, get, settings
from randteach.errors import UserError
from randteach.identity.artifact import Artifact
from randteach.jobs import build, recorded, study
from randteach.jobs.job import Entry, Job
from randteach.jobs.resolve import distilled, probed, resolve
from randteach.jobs.study import Plan
from randteach.specs import ConnectSpec, DistillSpec, Draw, Logistic, MeasureSpec, ProbeSpec, Samples
from randteach.store import plans
from randteach.store.missing import missing as lacking
from randteach.store.store import Store
from sweeps.init_distance import STUDY
from sweeps.mode_connectivity import STUDY as LINES

STEPS = {0: 0, 79: 1, 158: 2, 395: 5, 790: 10}  # of the mini preset: ceil(10,000 / 128) = 79 an epoch


def plan(*pairs: str) -> Plan:
    return study.expand(STUDY, overrides.parse(STUDY.presets["mini"], pairs))


def lines(*pairs: str) -> Plan:
    return study.expand(LINES, overrides.parse(LINES.presets["mini"], pairs))


def point(*pairs: str) -> Config:
    axes = overrides.parse(STUDY.presets["mini"], pairs)
    return resolve(next(axes.points()), axes.typed)


def roles(jobs: Plan | list[Job]) -> dict[str, int]:
    """Students by their kind, probes by whose they are; measures stand beside these."""
    listed = [job for job in (jobs.jobs if isinstance(jobs, Plan) else jobs) if job.kind != "measure"]
    return dict(Counter(job.kind if job.kind == "distill" else job.labels["role"] for job in listed))


def keys(one: Plan) -> set[str]:
    return {job.key for job in one.jobs}


def only(one: Plan, kind: str, role: str) -> list[Job]:
    return [job for job in one.jobs if (job.kind, job.labels["role"]) == (kind, role)]


@pytest.fixture(scope="module")
def mini() -> Plan:
    return plan()


def test_the_mini_study(mini: Plan) -> None:
    assert roles(mini) == {"distill": 10, "student": 50, "teacher": 2, "input": 1}
    students = only(mini, "distill", "student")
    assert [(job.labels["seed"], job.labels["alpha"]) for job in students] == [
        (seed, alpha) for seed in (0, 1) for alpha in (1e-10, 0.3, 0.6, 0.8, 1.0)
    ]
    for job in students:
        assert job.steps == STEPS
        assert job.artifacts == tuple(Artifact("distill", job.key, step) for step in STEPS)
    probes = only(mini, "probe", "student")
    assert Counter(parent for job in probes for parent in job.parents) == Counter(
        artifact for job in students for artifact in job.artifacts
    )
    assert {(job.labels["step"], job.labels["epoch"]) for job in probes} == set(STEPS.items())
    # Students find the teacher that they copy, and it is probed once a seed.
    by_teacher = Counter(job.labels["teacher"] for job in students)
    teachers = only(mini, "probe", "teacher")
    assert by_teacher == {job.labels["teacher"]: 5 for job in teachers}
    assert [job.labels["seed"] for job in teachers] == [0, 1]


@pytest.mark.parametrize("preset", ["smoke", "mini", "paper"])
def test_distance_over_time_looks_at_the_main_studys_students(preset: str) -> None:
    """All that the main study makes of its students' ends is there; the miniature has further teachers."""
    other = importlib.import_module("sweeps.distance_over_time").STUDY
    ours = study.expand(other, overrides.parse(other.presets[preset], []))
    theirs = study.expand(STUDY, overrides.parse(STUDY.presets[preset], ["probe.at=[]"]))
    made = [{artifact for job in one.jobs for artifact in job.artifacts} for one in (ours, theirs)]
    assert made[0] > made[1] if preset == "mini" else made[0] == made[1]


@pytest.mark.parametrize("name", ["init_distance", "restart"])
def test_a_measure_stands_beside_each_probe(name: str) -> None:
    sweep = importlib.import_module(f"sweeps.{name}").STUDY
    given = ["seed=0", "probe.val_fraction=0.1", "resources.probe.cpus=2", "probe.lr=1e-3,1e-2"]
    jobs = study.expand(sweep, overrides.parse(sweep.presets["mini"], given)).jobs
    measures, seen = [job for job in jobs if job.kind == "measure"], set()
    for job in jobs:
        if isinstance(job.spec, ProbeSpec):
            [beside] = (other for other in measures if _reference(other) == job.spec.reference)
            assert isinstance(beside.spec, MeasureSpec) and beside.spec.measure == Logistic()
            assert (beside.spec.samples, beside.spec.test_count) == (job.spec.samples, job.spec.test_count)
            assert (beside.parents, beside.slot) == (job.parents, job.slot)
            assert beside.labels.items() <= job.labels.items() | {("probe.lr", None)}
            seen.add(beside.key)
    assert seen == {job.key for job in measures}  # one, whatever the linear probe's rate


def _reference(job: Job) -> object:
    assert isinstance(job.spec, MeasureSpec)
    return job.spec.reference


def test_one_seed_after_the_other_and_parents_first(mini: Plan) -> None:
    seeds = [job.labels.get("seed", 0) for job in mini.jobs]
    assert seeds == sorted(seeds)
    seen: set[Artifact] = set()
    for job in mini.jobs:
        assert set(job.parents) <= seen
        seen |= set(job.artifacts)
    assert [job.rank for job in mini.jobs] == sorted(job.rank for job in mini.jobs)


def test_the_order_of_settings_orders_points_but_not_seeds() -> None:
    listed = only(plan("net.width=8,9", "alpha=0,1"), "distill", "student")
    seeds = [job.labels["seed"] for job in listed]
    assert seeds == sorted(seeds) and len(listed) == 8
    last = study.expand(STUDY, overrides.parse({"distill.epochs": "1"}, ["alpha=0,1", "seed=5,2"]))
    assert [(j.labels["seed"], j.labels["alpha"]) for j in only(last, "distill", "student")] == [
        (5, 0.0), (5, 1.0), (2, 0.0), (2, 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize("pairs", [("data.train_size=500,1000",), ("data.name=gaussian", "data.sigma=1,2")])
def test_a_calibrated_teacher_is_told_by_the_samples_it_saw(pairs: tuple[str, ...]) -> None:
    swept = pairs[-1].partition("=")[0]
    teachers = only(
        plan(*pairs, "seed=0", "alpha=0.3", "distill.teacher_norm=calibrated"), "probe", "teacher"
    )
    assert len({job.labels[swept] for job in teachers}) == len(teachers) == 2


def test_further_alphas_add_theirs_alone(mini: Plan) -> None:
    more = plan("alpha=1e-10,0.3,0.45,0.6,0.8,1")
    assert keys(mini) < keys(more)
    added = [job for job in more.jobs if job.key not in keys(mini)]
    assert roles(added) == {"distill": 2, "student": 10}
    assert {job.labels["alpha"] for job in added} == {0.45}


def test_a_longer_training_lacks_its_new_snapshots(mini: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    assert lacking(mini.jobs, store) == list(mini.jobs)
    for artifact in (artifact for job in mini.jobs for artifact in job.artifacts):
        assert store.commit(artifact, {}, status="ok", seconds=1.0, numerics="n")
    assert lacking(mini.jobs, store) == []
    longer = plan("distill.epochs=14")
    assert keys(mini) < keys(longer)
    missing = lacking(longer.jobs, store)
    assert roles(missing) == {"distill": 10, "student": 10}
    absent = {a.step for job in missing if job.steps for a in job.artifacts if not store.has(a)}
    assert absent == {14 * 79}
    assert {(j.labels["step"], j.labels["epoch"]) for j in missing if not j.steps} == {(14 * 79, 14)}
    # A shorter one, and looks at fewer epochs, lack nothing; a further look lacks itself alone.
    assert lacking(plan("distill.epochs=5").jobs, store) == lacking(plan("probe.at=[]").jobs, store) == []
    further = lacking(plan("probe.at=[3]", "seed=0", "alpha=1").jobs, store)
    assert [job.steps or job.labels["step"] for job in further] == [{237: 3, 790: 10}, 237, 237]


def test_snapshots_stand_at_epochs_and_at_the_last_step() -> None:
    def steps(*pairs: str) -> dict[int, float]:
        return dict(build.distill_job(point(*pairs)).steps)

    assert steps("distill.steps=100") == {0: 0, 79: 1, 100: 100 / 79}
    assert steps("distill.steps=158") == {0: 0, 79: 1, 158: 2}
    assert steps("distill.epochs=0") == {0: 0}
    assert steps("distill.epochs=4", "probe.at=[9,1]") == {79: 1, 316: 4}
    assert steps("distill.drop_last=true", "distill.epochs=2") == {0: 0, 78: 1, 156: 2}
    assert steps("data.train_size=128", "distill.epochs=2") == {0: 0, 1: 1, 2: 2}


def test_a_trajectory_that_is_wanted_twice_is_one_with_all_its_steps() -> None:
    def jobs(config: Config) -> list[Job]:
        other = replace(config, probe=replace(config.probe, at=[3]), alpha=0.0)
        return [build.distill_job(config), build.distill_job(other)]

    axes = overrides.parse(STUDY.presets["mini"], ["seed=0", "alpha=1,0"])
    one, zero = study.expand(replace(STUDY, jobs=jobs), axes).jobs
    assert (one.labels["alpha"], one.steps, one.rank) == (1.0, STEPS, (0, 0, 0))
    assert (zero.labels["alpha"], zero.steps, zero.rank) == (0.0, {**STEPS, 237: 3}, (0, 0, 0))
    assert [artifact.step for artifact in zero.artifacts] == [0, 79, 158, 237, 395, 790]


def test_teachers_by_orders() -> None:
    grid = plan("seed=0", "alpha=0", "seeds.teacher=0,1", "seeds.order=0,1", "probe.at=[]")
    assert roles(grid) == {"distill": 4, "student": 4, "teacher": 2, "input": 1}
    specs = [job.spec for job in only(grid, "distill", "student")]
    seeds = [(s.teacher.seed, s.seed_student, s.seed_order) for s in specs if isinstance(s, DistillSpec)]
    assert seeds == [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1)]
    labels = [job.labels for job in only(grid, "distill", "student")]
    assert [(at["seeds.teacher"], at["seeds.order"]) for at in labels] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for job in only(grid, "probe", "teacher"):
        assert isinstance(job.spec, ProbeSpec) and isinstance(job.spec.reference, Draw)
        assert (job.labels["seed"], job.labels["seeds.teacher"]) == (0, job.spec.reference.seed)
        assert "seeds.order" not in job.labels


def test_swept_settings_are_columns_where_they_count() -> None:
    sizes = plan(
        "seed=0", "alpha=0", "data.train_size=500,1000", "probe.lr=1e-3,1e-2", "head.hidden_dims=[8],[9]"
    )
    for job in only(sizes, "distill", "student"):
        spec = job.spec
        assert isinstance(spec, DistillSpec) and job.labels["data.train_size"] == spec.samples.count
        assert job.labels["head.hidden_dims"] == str(spec.head.hidden_dims) and "probe.lr" not in job.labels
    for job in only(sizes, "probe", "student"):
        assert isinstance(job.spec, ProbeSpec) and job.labels["probe.lr"] == job.spec.lr
        assert {"data.train_size", "head.hidden_dims"} < job.labels.keys()
    others = only(sizes, "probe", "teacher") + only(sizes, "probe", "input")
    assert roles(others) == {"teacher": 2, "input": 2}  # by the probe's rate, not by size or head
    for job in others:
        assert isinstance(job.spec, ProbeSpec) and job.labels["probe.lr"] == job.spec.lr
        assert not {"data.train_size", "head.hidden_dims"} & job.labels.keys()
    # What has a column of the table's own gets no second one, and what is not swept gets none.
    named = plan("seed=0,1", "alpha=0,1", "net.width=8,9", "probe.data=mnist,fashion_mnist")
    assert not {name for job in named.jobs for name in job.labels if "." in name}
    assert {job.labels["width"] for job in only(named, "probe", "teacher")} == {8, 9}
    assert {job.labels["probed_on"] for job in only(named, "probe", "input")} == {"mnist", "fashion_mnist"}


def test_sizes_of_a_preset_are_ceilings_and_typed_ones_exact() -> None:
    small = point("data.name=mnist5k")  # 4,000 and 1,000 images; the preset says 10,000 and 5,000
    assert (small.data.train_size, small.probe.train_size, small.probe.test_size) == (4000, 4000, 1000)
    exact = point("data.train_size=3000", "probe.train_size=17", "probe.test_size=9", "probe.neighbours=3")
    assert (exact.data.train_size, exact.probe.train_size, exact.probe.test_size) == (3000, 17, 9)
    for name in ("data.train_size=10000", "probe.train_size=10000", "probe.test_size=5000"):
        with pytest.raises(UserError, match=f"{re.escape(name)}: mnist5k has [14]000 "):
            point("data.name=mnist5k", name)
    noise = point("data.name=gaussian", "data.train_size=150000")  # there is always more of it
    assert distilled(noise) == Samples("gaussian", "v1", 1, 16, 150_000, 0, 1.0, seed=0)


def test_inputs_made_from_images_know_these() -> None:
    """The images are those that a student of the set itself would learn from, which decide the key."""
    for name in ("shuffled_all", "phase"):
        made = point(f"data.name={name}", "data.like=mnist5k", "data.train_size=500", "seeds.noise=3")
        own = distilled(point("data.name=mnist5k", "data.train_size=500"))
        assert distilled(made) == Samples(name, "v1", 1, 16, 500, 0, None, seed=3, of=own)
        assert made.probe.data == "mnist5k"
    held = point("data.name=phase", "data.like=mnist5k", "probe.val_fraction=0.1")
    assert (distilled(held).of, distilled(held).count) == (distilled(replace_name(held)), 3600)


def replace_name(held: Config) -> Config:
    """The same point with the images themselves."""
    return dataclasses.replace(held, data=dataclasses.replace(held.data, name=held.data.like))


@pytest.mark.parametrize(
    "pairs", [(), ("distill.steps=100",), ("data.name=gaussian", "probe.at=[]"), ("probe.val_fraction=0.1",)]
)
def test_no_null_is_left_in_a_resolved_point(pairs: tuple[str, ...]) -> None:
    """But for the folder of raw data, which is no part of a result."""
    nulls = [f"{name}=null" for name, item in settings().items() if "null" in item.type]
    open_ = [pair for pair in nulls if not pair.startswith(("distill.", "data.like"))]
    config = point(*open_, *pairs)
    assert [name for name in settings() if get(config, name) is None] == ["data.root"]


def test_a_null_and_a_number_are_two_values_of_one_setting() -> None:
    pairs = ("connect.test_size=null,50", "connect.at=null", "seed=0", "alpha=0.3")
    jobs = lines(*pairs).jobs
    assert {job.labels["connect.test_size"] for job in jobs if job.kind == "connect"} == {50, 5000}
    # A preset's sizes are ceilings for trials too, typed ones are exact.
    few = [*pairs[1:], "data.name=mnist5k"]
    (line, *_) = (j for j in lines(*few).jobs if j.kind == "connect")
    assert isinstance(line.spec, ConnectSpec) and (line.spec.samples.count, line.spec.test_count) == (
        2000,
        1000,
    )
    with pytest.raises(UserError, match=r"connect\.test_size=2000: the probe has 1000 such samples"):
        lines(*few, "connect.test_size=2000")


@pytest.mark.parametrize("size", ["null", "10000"])
def test_validation_samples_are_kept_from_the_student_too(size: str) -> None:
    preset = {**STUDY.presets["mini"], "data.train_size": size, "probe.train_size": size}
    pairs = ["data.name=mnist5k", "probe.val_fraction=0.1"]
    config = resolve(next(overrides.parse(preset, pairs).points()))
    checksum = DATASETS["mnist5k"].checksum
    assert distilled(config) == probed(config) == Samples("mnist5k", checksum, 1, 16, 3600, 400)
    # Where the student sees another set there is nothing to keep from it.
    other = resolve(next(overrides.parse(preset, [*pairs, "data.name=mnist", "probe.data=mnist5k"]).points()))
    assert probed(other).holdout == 400 and distilled(other).holdout == 0
    # A share of what the probe uses, held out beside it.
    typed = point("probe.train_size=900", "probe.val_fraction=0.1", "data.name=mnist5k")
    assert (probed(typed).count, probed(typed).holdout, distilled(typed).count) == (900, 100, 3900)
    with pytest.raises(UserError, match=r"probe\.train_size=3601: mnist5k has 3600"):
        point("probe.train_size=3601", "probe.val_fraction=0.1", "data.name=mnist5k")


def test_a_recorded_plan_comes_back(mini: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    plans.record(store, mini, "Why?", {"command": "typed"})
    assert plans.entries(store, "init_distance") == [job.entry for job in mini.jobs]
    content = plans.last(store, "init_distance")
    assert content == recorded.project(mini, "Why?") == json.loads(json.dumps(content))
    assert content["settings"]["alpha"] == [1e-10, 0.3, 0.6, 0.8, 1.0]
    assert content["settings"]["distill.lr"] == [1e-3]  # defaults too
    assert Entry.from_json(mini.jobs[0].entry.as_json()) == mini.jobs[0].entry
    titles = [job.entry.title for job in (mini.jobs[0], *mini.jobs[13:18])]
    assert titles == [
        "student resnet18 width 8 on fashion_mnist alpha 1e-10 seed 0",
        "probe of student resnet18 width 8 on fashion_mnist alpha 1e-10 seed 0 epoch 10",
        "converged probe of student resnet18 width 8 on fashion_mnist alpha 1e-10 seed 0 epoch 10",
        "probe of teacher resnet18 width 8 seed 0 probed on fashion_mnist",
        "converged probe of teacher resnet18 width 8 seed 0 probed on fashion_mnist",
        "probe of raw pixels probed on fashion_mnist",
    ]


def test_the_plan_run_last_is_the_plan_whatever_the_clock_says(tmp_path: Path) -> None:
    store, one, two = Store(tmp_path), plan("seed=0", "alpha=1"), plan("seed=0", "alpha=0,1")
    store.prepare()
    with pytest.raises(UserError, match=r"no study 'mine'; it has none"):
        plans.last(store, "mine")
    for turn, chosen in enumerate((one, two, one)):
        plans.record(store, chosen, "", {})
        assert keys(chosen) == {entry.key for entry in plans.entries(store, "init_distance")}
        for path in tmp_path.rglob("*"):
            os.utime(path, (1000 - turn, 1000 - turn))  # the later, the older
    assert len(plans.files(store, "init_distance")) == 2
    assert set(plans.every_entry(store)) == keys(one) | keys(two)
    with pytest.raises(UserError, match=r"no study 'our'; it has init_distance"):
        plans.last(store, "our")
    # Of a damaged one the one before is left, and then none.
    (tmp_path / plans.last_file(store, "init_distance")).write_text("{")
    assert {entry.key for entry in plans.entries(store, "init_distance")} == keys(two)
    (tmp_path / plans.last_file(store, "init_distance")).write_text("{")
    with pytest.raises(UserError, match="is no plan, or damaged"):
        plans.last(store, "init_distance")
