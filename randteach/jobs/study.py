"""A study: from points to jobs with their parents, and which of them the store lacks."""

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from randteach.config.overrides import Axes
from randteach.config.presets import Preset
from randteach.config.schema import Slot, get, settings
from randteach.jobs import choices, contradictions
from randteach.jobs.about import About, about
from randteach.jobs.job import Entry, Job
from randteach.jobs.point import Point
from randteach.jobs.resolve import resolve
from randteach.kinds import KINDS

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
class Report:
    """A figure and its tables, from a study's results (`randteach.report.results.Results`)."""

    name: str
    draw: Callable[[Any, Path, str], None]  # results, folder, and the name of the figure's files
    show: Callable[[Any], Sequence[Any]]  # tables for the terminal
    caption: str = ""  # what the figure shows


@dataclass(frozen=True)
class Study:
    """An experiment: its question, its presets, its jobs and its reports."""

    name: str
    question: str
    presets: Mapping[str, Preset]
    jobs: Callable[[Point], Iterable[Job]]
    reports: Sequence[Report]  # the first draws figure.png, others NAME.png
    declares: Sequence[Any] = ()  # kinds, networks, data sets, losses and augmentations of its own


@dataclass(frozen=True)
class Plan:
    """All jobs of one invocation, parents first and seed by seed, and those that are missing."""

    study: str
    jobs: Sequence[Job]
    settings: Mapping[str, Any] = field(default_factory=dict)
    reports: Sequence[str] = ()  # their names


def expand(study: Study, axes: Axes, name: str | None = None) -> Plan:
    """Make a plan of a study's points: join equal jobs, and unite the steps wanted of a trajectory."""
    contradictions.check(axes)
    merged: dict[str, Job] = {}
    ranks: dict[str, tuple[int, ...]] = {}
    labels: dict[str, dict[frozenset[str], dict[str, Any]]] = {}
    seeds: dict[tuple[Any, ...], int] = {}
    abouts: dict[str, About] = {}
    slots: dict[str, Slot] = {}
    swept = {name: COLUMNS.get(name, name) for name in axes.swept}
    gc.disable()  # nothing here becomes garbage, and looking at all of it again and again takes time
    for number, point in enumerate(axes.points()):
        config = resolve(point, axes.typed)
        choices.check(config)
        seed = (config.seed, *vars(config.seeds).values())
        rank = seeds.setdefault(seed, len(seeds))
        values = {column: cell(get(config, name)) for name, column in swept.items()}
        for job in study.jobs(config):
            _label(labels.setdefault(job.key, {}), job.labels, values)
            have, at = merged.setdefault(job.key, job), (rank, *job.rank, number)
            if job.key not in abouts:
                kind = KINDS.find(job.kind)
                abouts[job.key] = about(kind, job.spec, partial(get, config))
                slots[job.key] = getattr(config.resources, kind.resources) if kind.resources else job.slot
            ranks[job.key] = min(ranks.get(job.key, at), at)
            if not (job.steps.items() <= have.steps.items() and job.states <= have.states):
                merged[job.key] = have.placed(
                    steps={**have.steps, **job.steps}, states=have.states | job.states
                )
    gc.enable()
    jobs = [
        job.placed(rank=ranks[key], labels=_told(labels[key]), about=abouts[key], slot=slots[key])
        for key, job in merged.items()
    ]
    jobs.sort(key=lambda job: job.rank)
    settled = {name: _distinct(axes.values.get(name, (item.default,))) for name, item in settings().items()}
    return Plan(name or study.name, jobs, settled, [report.name for report in study.reports])


def _distinct(values: Iterable[Any]) -> list[Any]:
    """The values, each once: those of a tied axis may repeat."""
    return list({repr(value): value for value in values}.values())


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
