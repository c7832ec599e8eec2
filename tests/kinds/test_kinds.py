"""Kinds of jobs: all that is known of them follows from their declarations."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pytest

from randteach.config.schema import settings
from randteach.engine.context import Context
from randteach.engine.execute import execute
from randteach.errors import NoResult, UserError
from randteach.jobs.fields import named
from randteach.jobs.job import Job
from randteach.kinds import KINDS, Kind, Number, revisions
from randteach.report.planned import numbers
from randteach.specs.origins import From
from randteach.stages.recorder import Result
from randteach.store.store import Store


@dataclass(frozen=True)
class Width:
    """A spec of a kind that the package does not know."""

    wide: Annotated[int, From("net.width")]
    seed: int

    @property
    def reads(self) -> set[Any]:
        return set()


def declared(stage: Callable[..., None]) -> Kind[Width]:
    return Kind("rank", Width, stage, (Number("rank", "dimensions"),), title="rank")


def give(spec: Width, inputs: Any, recorder: Any) -> None:
    inputs.ready()
    recorder.result(Result([{"rank": spec.wide - 1}]))


def context(tmp_path: Path) -> Context:
    store = Store(tmp_path / "store")
    store.prepare()
    return Context(store, tmp_path, tmp_path, "memory")


def job() -> Job:
    return Job("rank", Width(8, 0), labels={"role": "student"})  # type: ignore[arg-type]


@pytest.mark.usefixtures("threads")
def test_a_kind_is_one_declaration(tmp_path: Path) -> None:
    """Key, title, settings, planned numbers, stage and revision follow from it."""
    at = context(tmp_path)
    with KINDS.extended(declared(give)):
        made = job()
        assert made.entry.title == "rank of student" and revisions()["rank"] == 1
        assert list(numbers(made.entry, {})) == [{"measure": "rank"}]
        assert named("rank", {"wide": 8, "seed": 0}) == {"net.width": 8, "seed": 0}
        execute(made, at)
        assert at.store.rows(made.artifacts[0]) == [{"rank": 7}]
        KINDS.add(KINDS["rank"])  # the same one
        with pytest.raises(ValueError, match="two declarations of a kind of job"):
            KINDS.add(replace(KINDS["rank"], title="another"))
    assert "rank" not in KINDS and [*at.store.all()] == [] and [*at.store.strange()] == [made.artifacts[0]]


def test_an_unknown_kind_is_an_error_at_once() -> None:
    with pytest.raises(UserError, match=r"rank: no such kind of job; .*there are distill, probe"):
        _ = job().key


@pytest.mark.usefixtures("threads")
def test_a_stage_that_returns_nothing_is_an_error(tmp_path: Path) -> None:
    kind, at = declared(lambda spec, inputs, recorder: None), context(tmp_path)
    with KINDS.extended(kind), pytest.raises(NoResult, match="the stage of rank returned without"):
        execute(job(), at)


def test_specs_name_settings_that_there_are() -> None:
    for kind in KINDS.values():
        for setting in kind.settings.values():
            assert setting == "net" or setting in settings(), (kind.name, setting)
        assert not kind.resources or f"resources.{kind.resources}.cpus" in settings()
