"""A study: from points to jobs with their parents, and which of them the store lacks."""

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from randteach import identity
from randteach.config import Config, get, settings
from randteach.overrides import Axes
from randteach.records import (
    Artifact,
    DistillSpec,
    Draw,
    Entry,
    Job,
    Pixels,
    ProbeSpec,
    Reference,
    Snapshot,
)
from randteach.resolve import distilled, probed, resolve
from randteach.store import Store

if TYPE_CHECKING:
    import pandas as pd

# Swept settings that have a column of their own in the table.
COLUMNS = {
    "alpha": "alpha",
    "seed": "seed",
    "net.arch": "arch",
    "net.width": "width",
    "data.name": "dataset",
    "probe.data": "probed_on",
}
# Swept settings, by their beginning, that a number of this role can depend on; students: all.
RELEVANT = {
    "teacher": ("net.", "data.size", "data.channels", "seeds.teacher", "distill.teacher_norm"),
    "input": ("data.size", "data.channels"),
}
CALIBRATION = ("data.train_size", "data.sigma")  # of a teacher whose norms saw the samples
PROBE_ONLY = ("probe.", "seeds.probe")
AnyJob = TypeVar("AnyJob", Job, Entry)


@dataclass(frozen=True)
class Study:
    """An experiment: its question, its presets as override texts, its jobs and its figure."""

    name: str
    question: str
    presets: Mapping[str, Mapping[str, str]]
    jobs: Callable[[Config], Iterable[Job]]
    figure: Callable[["pd.DataFrame", Path], None]


@dataclass(frozen=True)
class Plan:
    """All jobs of one invocation, parents first and seed by seed, and those that are missing."""

    study: str
    jobs: Sequence[Job]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def missing(self, store: Store) -> list[Job]:
        """The jobs with an artifact that the store lacks, in order; none below a diverged student."""
        return missing(self.jobs, store)


def missing(jobs: Sequence[AnyJob], store: Store) -> list[AnyJob]:
    """Those of some jobs, or of their entries, that the store lacks; none below a diverged student."""
    done = {kind: store.done(kind) for kind in {job.kind for job in jobs}}
    lacking = [j for j in jobs if any(a.name not in done[j.kind] for a in j.artifacts)]
    parents = {p for job in lacking for p in job.parents if p.name in done.get(p.kind, ())}
    diverged = {parent for parent in parents if store.diverged(parent)}
    return [job for job in lacking if not diverged.intersection(job.parents)]


def expand(study: Study, axes: Axes, name: str | None = None) -> Plan:
    """The plan of a study's points: equal jobs made one, the steps wanted of a trajectory united."""
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
                merged[job.key] = have.placed(steps={**have.steps, **job.steps}, rank=min(have.rank, at))
            else:
                merged[job.key] = job.placed(rank=at, labels=labels)
    gc.enable()
    jobs = sorted(merged.values(), key=lambda job: job.rank)
    values = {name: list(axes.values.get(name, (item.default,))) for name, item in settings().items()}
    return Plan(name or study.name, jobs, values)


def _swept_labels(job: Job, config: Config, swept: Iterable[str]) -> dict[str, Any]:
    role = job.labels["role"]
    labels = {}
    for name in swept:
        if name.startswith(PROBE_ONLY):
            relevant = job.kind == "probe"
        else:
            relevant = role == "student" or name.startswith(RELEVANT[role])
            if role == "teacher" and config.distill.teacher_norm == "calibrated":
                relevant |= name in CALIBRATION
        if relevant:
            value = get(config, name)
            labels[name] = str(value) if isinstance(value, list) else value
    return labels


# The building blocks of a study's jobs; each takes a resolved point.


def teacher_of(config: Config) -> Draw:
    """The draw that a point's student copies."""
    norm = config.distill.teacher_norm
    assert config.data.channels and config.seeds.teacher is not None
    return Draw(
        role="teacher",
        seed=config.seeds.teacher,
        net=config.net,
        channels=config.data.channels,
        norm=norm,
        calibrated_on=distilled(config) if norm == "calibrated" else None,
    )


def distill_job(config: Config) -> Job:
    """A student's trajectory, with a snapshot at each probed epoch and at the last."""
    samples, teacher, seeds = distilled(config), teacher_of(config), config.seeds
    assert seeds.student is not None and seeds.order is not None
    spec = DistillSpec(
        samples=samples,
        augment=config.data.augment,
        teacher=teacher,
        head=config.head,
        alpha=config.alpha,
        variance_preserving=config.variance_preserving,
        distill=config.distill,
        seed_student=seeds.student,
        seed_order=seeds.order,
        seed_augment=None if config.data.augment == "none" else seeds.augment,
    )
    labels = {
        "role": "student",
        "teacher": reference_id(teacher),
        "dataset": config.data.name,
        "arch": config.net.arch,
        "width": config.net.width,
        "alpha": config.alpha,
        "seed": config.seed,
    }
    steps = _steps(config)
    return Job("distill", spec, steps, slot=config.resources.distill, rank=(0,), labels=labels)


def _steps(config: Config) -> dict[int, float]:
    """Optimiser step -> epoch, for each snapshot of a trajectory."""
    size, batch, distill = config.data.train_size or 0, config.distill.batch_size, config.distill
    epoch = size // batch if distill.drop_last else -(-size // batch)
    last = distill.steps if distill.steps is not None else (distill.epochs or 0) * epoch
    steps: dict[int, float] = {e * epoch: e for e in sorted(config.probe.at) if e * epoch <= last}
    steps.setdefault(last, last // epoch if last % epoch == 0 else last / epoch)
    return dict(sorted(steps.items()))


def probe_job(config: Config, reference: Reference, parent: Job | None = None) -> Job:
    """A probe of a draw, of raw pixels, or of a snapshot of the job `parent`."""
    assert config.probe.test_size
    spec = ProbeSpec(
        reference=reference,
        samples=probed(config),
        test_count=config.probe.test_size,
        epochs=config.probe.epochs,
        batch_size=config.probe.batch_size,
        lr=config.probe.lr,
        weight_decay=config.probe.weight_decay,
        neighbours=config.probe.neighbours,
        seed=config.seeds.probe,
    )
    labels: dict[str, Any] = {"role": "input"}
    parents: tuple[Artifact, ...] = ()
    if isinstance(reference, Draw):
        labels = {"role": "teacher", "teacher": reference_id(reference), "seed": reference.seed}
        if reference.calibrated_on:
            labels["dataset"] = reference.calibrated_on.name
    if isinstance(reference, Snapshot):
        assert parent is not None
        step = reference.step
        labels = {**parent.labels, "step": step, "epoch": parent.steps[step]}
        parents = (Artifact(parent.kind, parent.key, step),)
    if not isinstance(reference, Pixels):
        labels |= {"arch": config.net.arch, "width": config.net.width}
    labels["probed_on"] = config.probe.data
    return Job("probe", spec, {}, parents, config.resources.probe, (1,), labels)


def snapshot_probes(config: Config, student: Job) -> list[Job]:
    """A probe of each snapshot of a student."""
    assert config.data.channels
    return [
        probe_job(config, Snapshot(student.key, step, config.net, config.data.channels), student)
        for step in student.steps
    ]


def reference_id(draw: Draw) -> str:
    """A short name by which students find their teacher in the table."""
    return identity.digest(identity.dumps(draw), 12)
