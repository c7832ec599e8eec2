"""Keys: pinned as literals, and a function of what decides a result and of nothing else."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest

from randteach import identity
from randteach.config import overrides
from randteach.config.schema import Config, get, settings
from randteach.config.setting import Setting
from randteach.errors import UserError
from randteach.jobs.build import probe_jobs
from randteach.jobs.choices import CATALOGUES
from randteach.jobs.downstream.connect import connect_jobs
from randteach.jobs.downstream.plane import plane_jobs
from randteach.jobs.downstream.tickets import ticket_jobs
from randteach.jobs.job import Job
from randteach.jobs.resolve import resolve
from randteach.jobs.study import expand
from randteach.kinds import KINDS
from randteach.specs import Pixels
from sweeps.init_distance import STUDY

# Of a preset's first point: the student, the probes of its first and last snapshot, of teacher, of pixels.
# A key that moves here makes every older result another one: see CONTRIBUTING.md before you change one.
PINNED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("mini",): (
        "3760dbbf256c06e55d0d89ab",
        "d76d5a3484e5fcd72f8b633b",
        "a5e49d81cd8e592316724fdb",
        "0b892d4de6c068a99aec5837",
        "e8f95e71bf7dbf69ead872ca",
    ),
    ("paper",): (
        "3c48a83b4569accb7f82c9a8",
        "41b7efb013f460031030f639",
        "552ec08fa9c2818776a40472",
        "5b09d7340e1b19703d91b89b",
        "7f33c632020b84e6ee5833c8",
    ),
    ("mini", "data.name=gaussian"): (
        "8ec4c94b5f584155fe6a4580",
        "878fa377afa09b1bb8b708e1",
        "035fe988cfc532bfd2fd2ee1",
        "0b892d4de6c068a99aec5837",
        "e8f95e71bf7dbf69ead872ca",
    ),
    ("mini", "distill.teacher_norm=calibrated"): (
        "3a5e9b31a090e6c309289e88",
        "a7d17894306451d7daa7a757",
        "c0d05e313ef3a04c861f84cc",
        "f48ac2ee8e05dcf5810a7edd",
        "e8f95e71bf7dbf69ead872ca",
    ),
    ("mini", "data.augment=flip_crop"): (
        "0de69bae856a0937ed6f9a34",
        "eae126afd0baffb961f55544",
        "5effe83a987cd7029f5a2f44",
        "0b892d4de6c068a99aec5837",
        "e8f95e71bf7dbf69ead872ca",
    ),
}
# A job of each kind of the other sweeps' plans, wherever it stands in them.
PINNED_TRIALS = {
    ("lottery_tickets", "mini"): ("b521bdf8d08b01f6665fab00", "3a2e79ee4d7d01818ccc312f"),
    ("lottery_tickets", "paper"): ("62098ee44bde15e299f8fc14", "47358e5977360d0996147395"),
    ("mode_connectivity", "mini"): ("3d6b3d04fc9610127f615a2d", "84a453af979a303920af9cd1"),
    ("mode_connectivity", "paper"): ("2c1001675d1cf6a797ac391d", "7bbdabb51d3883cfbb5333d2"),
    ("loss_landscape", "mini"): ("e24e6b11d58975627d613ebc", "2bfc761df0a584d93a97b110"),
    ("loss_landscape", "paper"): ("dcb3b478cc9d1b2b8ff6b9e6", "ab2cb3b534a688e00447bf48"),
    ("restart", "mini"): (
        "882337c88fe9faf00db45d2e",
        "66a3d56f6ba0d6c545d44f6a",
        "3147e06fcb8fafc45fdc028a",
    ),
    ("restart", "paper"): (
        "a9bb58986b4a103cded0a125",
        "82b2a318c0633ab39a69b11e",
        "8e69ab50e7051644ce4eac9e",
    ),
}
# Among these points every setting of a key decides something.
BASES = (
    ("probe.data=mnist5k",),
    (),
    ("data.name=gaussian",),
    ("data.augment=flip_crop",),
    ("data.size=32", "plane.coordinates=orthonormal"),
)
Name = tuple[str, str, int | None, str]


@cache
def first(preset: str) -> Config:
    return next(overrides.parse(STUDY.presets[preset], []).points())


def point(preset: str, *pairs: str) -> Config:
    values = overrides.parse({}, pairs).values
    return overrides.with_values(first(preset), {name: value[0] for name, value in values.items()})


def jobs(config: Config) -> list[Job]:
    """A student and its probes, without the measures beside these."""
    return [job for job in STUDY.jobs(resolve(config)) if job.kind != "measure"]


def keys(config: Config) -> dict[Name, str]:
    """Keys by (kind, whose, step of a probed snapshot, which of its downstream jobs) of all kinds of jobs."""
    config, found = resolve(config), list(STUDY.jobs(resolve(config)))
    found += [*ticket_jobs(config, found[0]), *connect_jobs(config, found[0]), *plane_jobs(config)]
    trial = ("at", "round", "rewind", "control", "pair", "place")
    return {
        (job.kind, job.labels["role"], job.labels.get("step"), _trial(job, trial)): job.key
        for job in found
        if job.labels.get("place", "corners") == "corners"  # rows have other places in another grid
    }


def _trial(job: Job, names: Iterable[str]) -> str:
    told = names if job.kind not in ("distill", "probe", "measure") else ()
    return " ".join(f"{name} {job.labels[name]}" for name in told if name in job.labels)


def changed(config: Config, item: Setting) -> Config:
    """The same point with one setting given another value that it allows."""
    typed = get(config, item.name)
    value = get(resolve(config), item.name) if typed is None else typed
    other: Any
    if item.name == "head.bottleneck":
        other = "-/lb/-/-/l/-"
    elif choices := CATALOGUES.get(item.name, item.choices):
        other = next(choice for choice in choices if choice != value)
    elif "bool" in item.type:
        other = not value
    elif "list" in item.type:
        other = [0.1, 1.0] if item.name == "plane.alphas" else [*(typed or []), 3 if typed else 0]
    elif "float" in item.type:
        high = min(bound for bound in (item.high, item.below, float("inf")) if bound is not None)
        other = value + 0.05 if value + 0.05 < high else value - 0.05
    elif "int" in item.type:
        fewer = typed is None and item.name.endswith("_size")  # all there are is the most
        other = 3 if item.name == "data.channels" else 30 if fewer else value + 1
    else:
        other = "mnist"  # names of data sets; as good a folder as any
    return overrides.with_values(config, {item.name: other})


def changed_keys(item: Setting) -> Iterator[tuple[dict[Name, str], dict[Name, str]]]:
    """Keys before and after, at each base that allows the other value."""
    for pairs in BASES:
        config = point("mini", *pairs)
        try:
            yield keys(config), keys(changed(config, item))
        except UserError:
            continue


@pytest.mark.parametrize("given", PINNED, ids=" ".join)
def test_literal_keys(given: tuple[str, ...]) -> None:
    student, *probes = (job.key for job in jobs(point(*given)))
    assert (student, probes[0], *probes[-3:]) == PINNED[given]


@pytest.mark.parametrize(("sweep", "preset"), PINNED_TRIALS)
def test_literal_keys_of_downstream_jobs(sweep: str, preset: str) -> None:
    study = importlib.import_module(f"sweeps.{sweep}").STUDY
    plan = expand(study, overrides.parse(study.presets[preset], []))
    assert {job.key for job in plan.jobs} >= set(PINNED_TRIALS[sweep, preset])


def test_a_measures_record_holds_nothing_of_other_measures() -> None:
    measured = probe_jobs(resolve(point("mini")), Pixels())[1]
    content = json.loads(identity.dumps(measured.spec))
    assert set(content) == {"measure", "reference", "samples", "test_count"}
    assert content["reference"] == {"is": "pixels"} and content["test_count"] == 5000
    assert content["measure"] == {
        "is": "logistic",
        "strengths": [1.0, 0.1, 0.01, 0.001, 0.0001, 1e-05, 1e-06],
        "val_share": 0.1,
        "tolerance": 1e-06,
        "iterations": 2000,
    }
    for name in ("epochs=3", "batch_size=9", "lr=1", "weight_decay=0", "neighbours=2"):
        assert probe_jobs(resolve(point("mini", f"probe.{name}")), Pixels())[1].key == measured.key
    assert probe_jobs(resolve(point("mini", "seeds.probe=1")), Pixels())[1].key == measured.key
    for name in ("probe.train_size=99", "probe.test_size=99", "probe.val_fraction=0.1", "data.size=17"):
        assert probe_jobs(resolve(point("mini", name)), Pixels())[1].key != measured.key


@pytest.mark.parametrize("item", [s for s in settings().values() if s.key], ids=lambda s: s.name)
def test_what_decides_a_result_is_in_a_key(item: Setting) -> None:
    assert any(set(after.values()) - set(before.values()) for before, after in changed_keys(item))


@pytest.mark.parametrize("item", [s for s in settings().values() if not s.key], ids=lambda s: s.name)
def test_what_does_not_is_in_none(item: Setting) -> None:
    pairs = list(changed_keys(item))
    assert len(pairs) == len(BASES) or item.name == "distill.steps"  # not beside epochs
    config = replace(point("mini"), distill=replace(point("mini").distill, epochs=None, steps=790))
    pairs.append((keys(point("mini")), keys(config)))
    for before, after in pairs:
        common = set(before) & set(after)
        assert {kind + role for kind, role, *_ in common} >= {"distillstudent", "probeteacher", "probeinput"}
        assert ("probe", "student", 0, "") in common
        assert {name: before[name] for name in common} == {name: after[name] for name in common}


def test_how_features_are_probed_is_no_business_of_the_student() -> None:
    names = [name for name in settings() if name.startswith("probe.") or name == "seeds.probe"]
    names.remove("probe.val_fraction")  # its samples are kept from the student too: test_plan.py
    for name in names:
        for before, after in changed_keys(settings()[name]):
            assert before["distill", "student", None, ""] == after["distill", "student", None, ""], name


def test_a_teacher_does_not_know_its_students() -> None:
    plain = keys(point("mini"))["probe", "teacher", None, ""]
    for other in ("alpha=1", "seeds.order=5", "head.out_dim=9", "data.train_size=99", "distill.lr=1"):
        assert keys(point("mini", other))["probe", "teacher", None, ""] == plain
    for other in ("seeds.teacher=1", "net.width=9", "data.size=17", "distill.teacher_norm=batch"):
        assert keys(point("mini", other))["probe", "teacher", None, ""] != plain


def test_spelling_and_order_do_not_count() -> None:
    plain = keys(point("mini", "alpha=0.1", "distill.lr=0.001", "probe.weight_decay=0", "seed=3"))
    for pairs in (
        ("seed=3", "probe.weight_decay=0.0", "distill.lr=1e-3", "alpha=1e-1"),
        ("distill.lr=.001", "alpha=0.10", "seed=3", "probe.weight_decay=-0.0"),
        ("alpha='0.1'", "probe.weight_decay=0e0", "seed='3'", "distill.lr=1.0E-3"),
    ):
        assert keys(point("mini", *pairs)) == plain
    reversed_preset = dict(reversed(list(STUDY.presets["mini"].items())))
    assert keys(next(overrides.parse(reversed_preset, ["seed=0"]).points())) == keys(point("mini"))
    assert keys(point("mini", "alpha=1")) == keys(point("mini", "alpha=1.0"))
    assert keys(point("mini", "alpha=-0.0")) == keys(point("mini", "alpha=0"))
    # `seed` only gives the single seeds their value, and shapes as they come are shapes.
    named = (
        "seeds.teacher=3",
        "seeds.student=3",
        "seeds.order=3",
        "seeds.augment=3",
        "seeds.train=3",
        "seeds.noise=3",
        "seed=8",
    )
    for other in ("data.augment=none", "data.augment=flip_crop", "data.name=gaussian"):
        assert keys(point("mini", *named, other)) == keys(point("mini", "seed=3", other))
    explicit = ("data.size=32", "data.channels=3", "data.train_size=50000", "probe.data=cifar10")
    assert keys(point("paper", *explicit)) == keys(point("paper"))


def test_keys_do_not_depend_on_pythons_hashes() -> None:
    code = """
import json
from randteach.config import overrides
from randteach.jobs import study
from sweeps.init_distance import STUDY
print(json.dumps([job.key for job in study.expand(STUDY, overrides.parse(STUDY.presets["mini"], [])).jobs]))
"""
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": "."}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    axes = overrides.parse(STUDY.presets["mini"], [])
    expected = {job.key for config in axes.points() for job in STUDY.jobs(resolve(config))}
    assert len(found) == 116 and set(found) == expected


def test_a_revision_moves_its_kind_and_what_is_computed_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(point("mini"))
    monkeypatch.setitem(KINDS._found, "distill", replace(KINDS["distill"], revised=("it was wrong",)))
    after = keys(point("mini"))
    assert {name for name in before if before[name] != after[name]} == {
        name for name in before if name[1] == "student"
    }


@dataclass(frozen=True)
class Old:
    width: int


@dataclass(frozen=True)
class New:
    width: int
    depth: int = field(default=5, metadata={"absent": 2})
    note: str | None = field(default="x", metadata={"absent": None})
    host: str = field(default="", metadata={"key": False})


def test_an_absent_value_leaves_its_field_out() -> None:
    assert identity.dumps(New(8, depth=2, note=None, host="here")) == identity.dumps(Old(8)) == '{"width":8}'
    # Only the frozen value does, never the default.
    assert identity.dumps(New(8)) == '{"depth":5,"note":"x","width":8}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0, "0.0"),
        (1e-10, "1e-10"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1.0, "1.0"),
        (1, "1"),
        (True, "true"),
        ((1, [None, "é"]), '[1,[null,"\\u00e9"]]'),
    ],
)
def test_one_spelling_for_each_value(value: Any, text: str) -> None:
    assert identity.dumps(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, float("-inf")]])
def test_numbers_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no place in a key"):
        identity.dumps(value)


@pytest.mark.parametrize("value", [{"a": 1}, {1}, b"a", object(), Old])
def test_what_has_no_order_or_no_value_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        identity.dumps(value)
