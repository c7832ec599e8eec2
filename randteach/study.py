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
# Swept settings, by their beginning, that numbers of these kinds alone depend on; the first that fits.
OF_KINDS = {
    ("probe.data", "probe.train_size", "probe.test_size", "probe.val_fraction"): (
        "probe",
        "train",
        "mask",
        "connect",
        "plane",
    ),
    ("probe.", "seeds.probe"): ("probe", "plane"),
    ("train.", "seeds.train"): ("train", "mask", "connect"),
    ("tickets.",): ("train", "mask"),
    ("connect.",): ("connect",),
    ("plane.",): ("plane",),
}
# And that a number of this role can depend on; students: all.
RELEVANT = {
    "teacher": ("net.", "data.size", "data.channels", "seeds.teacher", "distill.teacher_norm"),
    "input": ("data.size", "data.channels"),
}
CALIBRATION = ("data.train_size", "data.sigma")  # of a teacher whose norms saw the samples
ORDERED = ("seeds.order", "seeds.augment")  # of a teacher's supervised training
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
    seeds: dict[tuple[Any, ...], int] = {}
    swept = [name for name in axes.swept if name not in COLUMNS]
    gc.disable()  # nothing here becomes garbage, and looking at all of it again and again takes time
    for number, point in enumerate(axes.points()):
        config = resolve(point, axes.typed)
        seed = (config.seed, *vars(config.seeds).values())
        rank = seeds.setdefault(seed, len(seeds))
        for job in study.jobs(config):
            labels = {**job.labels, **_swept_labels(job, config, swept)} if swept else job.labels
            have, at = merged.get(job.key), (rank, *job.rank, number)
            if have:
                merged[job.key] = have.placed(
                    steps={**have.steps, **job.steps},
                    states=have.states | job.states,
                    rank=min(have.rank, at),
                    labels=have.labels if have.labels == labels else _united(have.labels, labels, swept),
                )
            else:
                merged[job.key] = job.placed(rank=at, labels=labels)
    gc.enable()
    jobs = sorted(merged.values(), key=lambda job: job.rank)
    values = {name: list(axes.values.get(name, (item.default,))) for name, item in settings().items()}
    return Plan(name or study.name, jobs, values)


def _united(one: Mapping[str, Any], other: Mapping[str, Any], swept: Iterable[str]) -> dict[str, Any]:
    """Labels of a job that two points share; a swept setting in which they differ decides nothing of it."""
    apart = {name: None for name in swept if name in one and one[name] != other.get(name, one[name])}
    return {**other, **one, **apart}


def _swept_labels(job: Job, config: Config, swept: Iterable[str]) -> dict[str, Any]:
    labels = {}
    for name in swept:
        if _relevant(name, job, config):
            value = get(config, name)
            labels[name] = str(value) if isinstance(value, list) else value
    return labels


def _relevant(name: str, job: Job, config: Config) -> bool:
    """Whether a job's numbers can depend on a setting."""
    for beginnings, kinds in OF_KINDS.items():
        if name.startswith(beginnings):
            return job.kind in kinds
    role = job.labels["role"]
    if role == "student":
        return True
    relevant = RELEVANT[role]
    if role == "teacher" and config.distill.teacher_norm == "calibrated":
        relevant += CALIBRATION
    if job.kind in ("train", "mask"):
        relevant += ORDERED
    return name.startswith(relevant)
