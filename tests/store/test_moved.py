"""Older results that no longer apply are found under the keys that they had, and told with the reason."""

import importlib
from dataclasses import replace

import pytest

from randteach import identity
from randteach.config import overrides
from randteach.identity.artifact import Artifact
from randteach.jobs import study
from randteach.jobs.study import Plan
from randteach.kinds import KINDS
from randteach.store import moved
from randteach.store.missing import missing as lacking
from randteach.store.store import Store

SOFTMAX = "the target of distill.loss=ce was softmax(teacher), not exp(log_softmax(teacher))"
# Of the first point of --preset mini, as they were before the target of loss=ce was corrected.
STUDENT, FIRST, LAST = "9585d53b97b1b163fc53b93c", "cd3ef44c2a73c3cd04b79b25", "6f9660f554371792e9a6fffa"


def plan(name: str, *pairs: str) -> Plan:
    sweep = importlib.import_module(f"sweeps.{name}").STUDY
    return study.expand(sweep, overrides.parse(sweep.presets["mini"], ["seed=0", *pairs]))


def commit(store: Store, *artifacts: Artifact) -> None:
    for artifact in artifacts:
        store.commit(artifact, {}, status="ok", seconds=1.0, numerics="n")


def older(chosen: Plan, store: Store) -> dict[tuple[str, ...], int]:
    return dict(moved.older(chosen.jobs, lacking(chosen.jobs, store), store))


def test_results_of_older_keys_are_told_with_what_hangs_below_them(any_store: Store) -> None:
    chosen = plan("init_distance", "alpha=1e-10")
    assert older(chosen, any_store) == {}
    commit(any_store, Artifact("distill", STUDENT, 0), Artifact("distill", STUDENT, 79))
    commit(any_store, Artifact("probe", FIRST), Artifact("probe", LAST))
    assert older(chosen, any_store) == {(SOFTMAX,): 3}
    assert older(plan("init_distance", "alpha=1e-10", "distill.loss=ce_exact"), any_store) == {}
    assert older(plan("init_distance", "alpha=0.3"), any_store) == {}
    commit(any_store, *(artifact for job in chosen.jobs for artifact in job.artifacts))
    assert older(chosen, any_store) == {}  # nothing is missing any more


@pytest.fixture
def revised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes whose meaning has changed twice."""
    probe = replace(KINDS["probe"], revised=("it was wrong", "it was wrong again"))
    monkeypatch.setitem(KINDS._found, "probe", probe)


@pytest.mark.usefixtures("revised")
def test_a_revision_says_why_too(any_store: Store) -> None:
    chosen = plan("init_distance", "alpha=1e-10", "distill.loss=ce_exact")
    pixels = next(job for job in chosen.jobs if job.labels["role"] == "input")
    one, two = (identity.digest(f"probe/{n}/{identity.dumps(pixels.spec)}") for n in (1, 2))
    commit(any_store, Artifact("probe", one))
    assert older(chosen, any_store) == {("it was wrong", "it was wrong again"): 1}
    commit(any_store, Artifact("probe", two))
    assert older(chosen, any_store) == {
        ("it was wrong", "it was wrong again"): 1,
        ("it was wrong again",): 1,
    }


@pytest.mark.usefixtures("revised")
def test_each_set_of_corrections_is_tried() -> None:
    """A probe below a student: made before the student's correction, before its own, or before both."""
    chosen = plan("init_distance", "alpha=1e-10")
    before = moved._before(moved._with_parents(chosen.jobs, chosen.jobs))
    probe = next(job for job in chosen.jobs if job.kind == "probe" and job.parents)
    found = before[probe.key]
    assert found.concerns == {SOFTMAX, "it was wrong", "it was wrong again"}
    assert len(set(found.keys.values()) | {probe.key}) == 6  # target by revision
    assert {FIRST, LAST} & set(found.keys.values())
