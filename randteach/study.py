"""A study: from points to jobs with their parents, and which of them the store lacks."""

import gc
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from randteach import contradictions, report
from randteach.config import Config, get, settings
from randteach.jobs import Artifact, Entry, Job
from randteach.overrides import Axes
from randteach.resolve import resolve
from randteach.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from randteach.report.grid import Grid
    from randteach.report.results import Results

# Swept settings that have a column of their own in the table.
COLUMNS = {
    "alpha": "alpha",
    "seed": "seed",
    "net.arch": "arch",
    "net.width": "width",
    "data.name": "dataset",
    "probe.data": "probed_on",
}
LABELS = 2  # raised when recorded plans are to be labelled anew as they are read
AnyJob = TypeVar("AnyJob", Job, Entry)


@dataclass(frozen=True)
class Study:
    """An experiment: its question, its presets as override texts, its jobs and its report."""

    name: str
    question: str
    presets: Mapping[str, Mapping[str, str]]
    jobs: Callable[[Config], Iterable[Job]]
    report: Sequence[str]  # modules of `randteach.report`: the first draws figure.png, others NAME.png
    unused: Mapping[str, str] = field(default_factory=dict)  # settings without effect, and what to set

    def figure(self, table: "pd.DataFrame", settings: Mapping[str, Sequence[Any]], folder: Path) -> None:
        """Draw all that a plan's table has numbers for; `settings` are the plan's."""
        for number, name in enumerate(self.report):
            report.module(name).draw(self._results(table, settings), folder, name if number else "figure")

    def summary(self, table: "pd.DataFrame", settings: Mapping[str, Sequence[Any]]) -> "list[Grid]":
        """The same as tables for the terminal."""
        results = self._results(table, settings)
        return [shown for name in self.report for shown in report.module(name).show(results)]

    def _results(self, table: "pd.DataFrame", settings: Mapping[str, Sequence[Any]]) -> "Results":
        from randteach.report.results import Results  # with pandas, which a plan need not wait for

        return Results(table, settings, self.presets.get("paper", {}))


@dataclass(frozen=True)
class Plan:
    """All jobs of one invocation, parents first and seed by seed, and those that are missing."""

    study: str
    jobs: Sequence[Job]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def missing(self, store: Store, gone: Collection[Artifact] = ()) -> list[Job]:
        """The jobs with an artifact that the store lacks, in order; none below a diverged student.

        As if the artifacts that are `gone` were not there any more.
        """
        return missing(self.jobs, store, gone)


def missing(jobs: Sequence[AnyJob], store: Store, gone: Collection[Artifact] = ()) -> list[AnyJob]:
    """Those of some jobs, or of their entries, that the store lacks; none below a diverged network."""
    skipped, lacking = below_diverged(jobs, store, gone)
    return [job for job in lacking if job.key not in skipped]


def done(kinds: Iterable[str], store: Store, gone: Collection[Artifact] = ()) -> dict[str, set[str]]:
    """Names of what the store holds of some kinds, less what is to be gone."""
    return {kind: store.done(kind) - {a.name for a in gone if a.kind == kind} for kind in set(kinds)}


def below_diverged(
    jobs: Sequence[AnyJob], store: Store, gone: Collection[Artifact] = ()
) -> tuple[set[str], list[AnyJob]]:
    """Keys of jobs that are never made since something above them diverged; all jobs not made."""
    made = done((artifact.kind for job in jobs for artifact in job.artifacts), store, gone)
    lacking = [job for job in jobs if any(a.name not in made[a.kind] for a in job.artifacts)]
    parents = {p for job in lacking for p in job.parents if p.name in made.get(p.kind, ())}
    diverged = {parent for parent in parents if store.diverged(parent)}
    skipped: set[str] = set()
    for job in lacking:  # parents first
        if any(parent in diverged or parent.key in skipped for parent in job.parents):
            skipped.add(job.key)
    return skipped, lacking


def expand(study: Study, axes: Axes, name: str | None = None) -> Plan:
    """The plan of a study's points: equal jobs made one, the steps wanted of a trajectory united."""
    contradictions.check(axes)
    merged: dict[str, Job] = {}
    ranks: dict[str, tuple[int, ...]] = {}
    labels: dict[str, dict[frozenset[str], dict[str, Any]]] = {}
    seeds: dict[tuple[Any, ...], int] = {}
    swept = {name: COLUMNS.get(name, name) for name in axes.swept}
    gc.disable()  # nothing here becomes garbage, and looking at all of it again and again takes time
    for number, point in enumerate(axes.points()):
        config = resolve(point, axes.typed)
        seed = (config.seed, *vars(config.seeds).values())
        rank = seeds.setdefault(seed, len(seeds))
        values = {column: cell(get(config, name)) for name, column in swept.items()}
        for job in study.jobs(config):
            _label(labels.setdefault(job.key, {}), job.labels, values)
            have, at = merged.setdefault(job.key, job), (rank, *job.rank, number)
            ranks[job.key] = min(ranks.get(job.key, at), at)
            if not (job.steps.items() <= have.steps.items() and job.states <= have.states):
                merged[job.key] = have.placed(
                    steps={**have.steps, **job.steps}, states=have.states | job.states
                )
    gc.enable()
    jobs = [job.placed(rank=ranks[key], labels=_told(labels[key])) for key, job in merged.items()]
    jobs.sort(key=lambda job: job.rank)
    settled = {name: list(axes.values.get(name, (item.default,))) for name, item in settings().items()}
    return Plan(name or study.name, jobs, settled)


def cell(value: Any) -> Any:
    """A setting's value as a cell of the table."""
    return str(value) if isinstance(value, list) else value


def _label(
    known: dict[frozenset[str], dict[str, Any]], own: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Label a job with all swept values of its point; those in which its points differ become None.

    `own` is what its builder calls it, which comes first. A job that two builders know, a child that is
    a ticket's first training too, is labelled for each of them.
    """
    labels = {**values, **own}
    have = known.setdefault(frozenset(own), labels)
    if have != labels:
        have.update({name: None for name, value in labels.items() if have[name] != value})


def _told(known: Mapping[frozenset[str], dict[str, Any]]) -> dict[str, Any]:
    """A job's labels as all its builders know it, without those that do not apply to it."""
    first, *others = known.values()
    if not others and None not in first.values():
        return first
    first, *others = ({n: v for n, v in labels.items() if v is not None} for labels in known.values())
    for labels in others:
        apart = {name for name in first.keys() & labels.keys() if first[name] != labels[name]}
        first = {name: value for name, value in (first | labels).items() if name not in apart}
    return first
