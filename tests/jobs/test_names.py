"""Labels of jobs: all that a job's key depends on, and nothing else, over random sweeps of all studies."""

import importlib
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from randteach.config import overrides
from randteach.config.schema import Config, get
from randteach.errors import UserError
from randteach.jobs.job import Job
from randteach.jobs.resolve import resolve
from randteach.jobs.study import COLUMNS, Study, expand

STUDIES = {
    name: importlib.import_module(f"sweeps.{name}").STUDY
    for name in ("init_distance", "lottery_tickets", "mode_connectivity", "loss_landscape", "restart")
}
BASE = (
    "seed=0", "data.name=mnist5k", "data.like=mnist5k", "train.epochs=8", "connect.children=2",
    "connect.at=null", "distill.epochs=2", "probe.at=[0,1]", "plane.resolution=9", "rounds=2",
)  # fmt: skip
SWEPT = {
    "seed": "0,1", "seeds.teacher": "0,1", "seeds.student": "0,1", "seeds.order": "null,5",
    "seeds.augment": "0,1", "seeds.train": "0,1", "seeds.probe": "0,1", "data.augment": "none,flip_crop",
    "data.train_size": "500,1000", "data.name": "mnist5k,fashion_mnist,gaussian,phase",
    "data.sigma": "1,2",
    "probe.normalise": "own,distilled", "probe.data": "mnist5k,mnist",
    "probe.train_size": "1000,2000", "probe.val_fraction": "0,0.1",
    "probe.lr": "1e-7,5e-7", "data.size": "16,32", "data.channels": "1,3", "net.width": "4,8",
    "net.arch": "resnet18,vgg11", "distill.lr": "1e-3,1e-2",
    "distill.teacher_norm": "identity,calibrated,batch",
    "head.hidden_dims": "[8],[9]", "train.augment": "none,flip_crop", "train.lr": "0.1,0.2",
    "tickets.fraction": "0.2,0.3", "tickets.scope": "weights,all", "tickets.momentum": "zero,restored",
    "connect.points": "3,4", "connect.test_size": "null,50", "plane.norm": "reestimated,batch",
    "plane.of": "outputs,embedding",
    "plane.alphas": "[1e-10,1],[0.3,1],[0.3]", "variance_preserving": "true,false", "alpha": "1e-10,0.3",
}  # fmt: skip
FIXED = (
    "downstream=[probe,tickets]", "downstream=[connect]", "downstream=[probe,tickets,connect]",
    "tickets.controls=[random,random_layers,reinit,transfer]", "tickets.controls=[transfer]",
    "tickets.at=[0,1]", "tickets.rewind=[0,1]", "tickets.alphas=[0.3]", "connect.alphas=[1e-10]",
)  # fmt: skip


@st.composite
def sweeps(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A study, and what is typed."""
    name = draw(st.sampled_from(sorted(STUDIES)))
    axes = draw(st.lists(st.sampled_from(sorted(SWEPT)), min_size=1, max_size=3, unique=True))
    fixed = draw(st.lists(st.sampled_from(FIXED), max_size=3, unique_by=lambda pair: pair.partition("=")[0]))
    return name, [*(f"{axis}={SWEPT[axis]}" for axis in axes), *fixed]


def axes_of(study: Study, typed: list[str]) -> overrides.Axes:
    names = {pair.partition("=")[0] for pair in typed}
    base = [pair for pair in BASE if pair.partition("=")[0] not in names]
    if study.name == "loss_landscape":
        base = [*base, "probe.test_size=1000", "plane.test_size=100", "plane.train_size=100"]
    elif "alpha" not in names:
        base = [*base, "alpha=0.3"]
    return overrides.parse(study.presets["mini"], [*base, *typed])


def by_point(study: Study, axes: overrides.Axes) -> dict[tuple[int, ...], tuple[Config, list[Job]]]:
    """The resolved config and the jobs of each point, by the numbers of its values on the axes."""
    numbers = itertools.product(*(range(len(axes.values[name])) for name in axes.swept))
    configs = (resolve(point, axes.typed) for point in axes.points())
    return {at: (config, list(study.jobs(config))) for at, config in zip(numbers, configs, strict=True)}


def what(job: Job) -> tuple[Any, ...]:
    """What a job is, whatever its settings: the same at another point."""
    own = {
        n: v for n, v in job.labels.items() if n not in {*COLUMNS.values(), "teacher", "draw", "step", "kept"}
    }
    return (job.kind, *sorted(own.items(), key=str))


def check_labels(study: Study, axes: overrides.Axes) -> None:
    """Labels of a plan against the points that its jobs come from."""
    plan, points = expand(study, axes), by_point(study, axes)
    known: dict[Any, str] = {}
    for job in plan.jobs:
        about = (job.kind, *sorted(job.labels.items()))
        assert known.setdefault(about, job.key) == job.key, f"two jobs are called {about}"
    # Of a job that two builders know, as a ticket and as a child, it is enough that one depends on a label.
    built: dict[str, dict[frozenset[str], list[tuple[tuple[int, ...], Job]]]] = {}
    for at, (_, jobs) in points.items():
        for job in jobs:
            known_as = built.setdefault(job.key, {})
            known_as.setdefault(frozenset(job.labels), []).append((at, job))
    names = {at: {what(job) for job in jobs} for at, (_, jobs) in points.items()}

    def depends(here: list[tuple[tuple[int, ...], Job]], axis: int, name: str, label: Any) -> bool:
        """Whether all of these are built at the label's value alone, and others like them at others."""
        told = {own.labels.get(COLUMNS.get(name, name), cell(points[at][0], name)) for at, own in here}
        if name in ("plane.alphas", "alpha"):  # which choose students
            return told == {label}
        numbers = range(len(axes.values[name]))
        others = [((*at[:axis], number, *at[axis + 1 :]), own) for at, own in here for number in numbers]
        return told == {label} and all(what(own) in names[at] for at, own in others)

    for job, (axis, name) in itertools.product(plan.jobs, enumerate(axes.swept)):
        label = job.labels.get(COLUMNS.get(name, name))
        if label is not None:
            known_as = built[job.key]
            assert any(depends(here, axis, name, label) for here in known_as.values()), (job.labels, name)


def cell(config: Config, name: str) -> Any:
    value = get(config, name)
    return str(value) if isinstance(value, list) else value


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(sweep=sweeps())
def test_labels_name_all_that_a_key_depends_on_and_nothing_else(sweep: tuple[str, list[str]]) -> None:
    name, typed = sweep
    study = STUDIES[name]
    try:
        axes = axes_of(study, typed)
        for point in axes.points():
            list(study.jobs(resolve(point, axes.typed)))
        expand(study, axes)
    except UserError:
        assume(False)
    check_labels(study, axes)


NAMED = [
    ("lottery_tickets", ["seeds.student=0,1", "tickets.controls=[transfer]"]),
    ("init_distance", ["probe.val_fraction=0,0.1"]),
    ("init_distance", ["seeds.augment=0,1", "data.augment=flip_crop", "downstream=[probe,connect]"]),
    ("init_distance", ["alpha=0.3,0.6", "downstream=[probe,tickets,connect]", "tickets.alphas=[0.3]"]),
    ("init_distance", ["seeds.order=0,5", "downstream=[tickets,connect]"]),
    ("lottery_tickets", ["seeds.teacher=0,1", "tickets.controls=[random]"]),
    ("init_distance", ["seed=0,1", "seeds.teacher=7,8"]),
    ("init_distance", ["data.name=mnist5k,gaussian", "distill.teacher_norm=identity,calibrated"]),
    ("loss_landscape", ["plane.alphas=[1e-10,1],[0.3,1]", "plane.norm=reestimated,batch"]),
    ("loss_landscape", ["plane.of=outputs,embedding", "plane.margin=0.5,1"]),
]


@pytest.mark.parametrize(("name", "typed"), NAMED, ids=[" ".join(typed) for _, typed in NAMED])
def test_different_keys_have_different_labels(name: str, typed: list[str]) -> None:
    check_labels(STUDIES[name], axes_of(STUDIES[name], typed))


def test_what_a_job_is_called() -> None:
    def titles(name: str, *typed: str) -> list[str]:
        study = STUDIES[name]
        return [job.entry.title for job in expand(study, axes_of(study, list(typed))).jobs]

    for axis in ("variance_preserving=true,false", "net.width=4,8"):
        both = titles("init_distance", axis)
        assert len(set(both)) == len(both)
    wide = titles("init_distance", "distill.weight_decay=1e-7,5e-7", "probe.at=[]")
    assert [title for title in wide if title.startswith("student")] == [
        "student resnet18 width 8 on mnist5k alpha 0.3 seed 0 distill.weight_decay=1e-7",
        "student resnet18 width 8 on mnist5k alpha 0.3 seed 0 distill.weight_decay=5e-7",
    ]
    assert wide.count("probe of teacher resnet18 width 8 seed 0 probed on mnist5k") == 1
    # A teacher that two seeds share has neither, and is told by its own.
    fixed = titles("init_distance", "seed=0,1", "seeds.teacher=7,8")
    teachers = [title for title in fixed if title.startswith("probe of teacher")]
    assert teachers == [
        f"probe of teacher resnet18 width 8 probed on mnist5k seeds.teacher={seed}" for seed in (7, 8)
    ]
    # A mask that is random in all layers is neither the teacher's nor the student's.
    masks = titles("lottery_tickets", "tickets.controls=[random]", "rounds=1")
    assert "mask of random weights resnet18 width 8 seed 0 random round 1" in masks
