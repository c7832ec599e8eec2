"""The building blocks of a study's jobs; each takes a resolved point."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from loaders.augment import AUGMENTATIONS
from randteach import identity
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Job
from randteach.jobs.point import Point
from randteach.jobs.resolve import distilled, normaliser, probed, snapshots
from randteach.specs import (
    DistillSpec,
    Draw,
    MeasureSpec,
    Network,
    Pixels,
    ProbeSpec,
    Reference,
    Snapshot,
)
from randteach.stages.losses import LOSSES
from randteach.stages.measures import MEASURES


def teacher_of(config: Point) -> Draw:
    """The draw that a point's student copies."""
    norm = config.distill.teacher_norm
    return Draw(
        role="teacher",
        seed=config.seeds.teacher,
        net=config.net,
        channels=config.data.channels,
        norm=norm,
        calibrated_on=distilled(config) if norm == "calibrated" else None,
    )


def distill_job(config: Point, before: Job | None = None, *, head: bool = False) -> Job:
    """A student's trajectory, with a snapshot at each probed epoch and at the last.

    The student that `before` ends with is its teacher, else the point's draw. `head`: its last
    snapshot is to come with its head, as later teachers and planes need it.
    """
    seeds, steps = config.seeds, snapshots(config)
    teacher: Network = last(before, config) if before else teacher_of(config)
    number = before.labels["round"] + 1 if before else 1
    spec = DistillSpec(
        samples=distilled(config),
        augment=config.data.augment,
        teacher=teacher,
        head=config.head,
        alpha=config.alpha,
        variance_preserving=config.variance_preserving,
        distill=config.distill,
        seed_student=seeds.student,
        seed_order=seeds.order,
        seed_augment=seeds.augment if AUGMENTATIONS.find(config.data.augment, "data.augment").apply else None,
        round=number,
        loss_revision=LOSSES.find(config.distill.loss, "distill.loss").revision,
    )
    labels = {
        "role": "student",
        "teacher": reference_id(teacher),
        "draw": before.labels["draw"] if before else draw_id(teacher_of(config)),
        "dataset": config.data.name,
        "arch": config.net.arch,
        "width": config.net.width,
        "alpha": config.alpha,
        "seed": config.seed,
        **({"round": number} if head else {}),
    }
    return Job(
        "distill",
        spec,
        steps,
        made_of(teacher, head=True),
        (0,),
        labels,
        states=frozenset({max(steps)}) if head else frozenset(),
    )


def last(job: Job, config: Point) -> Snapshot:
    """The network that a training ends with."""
    return snapshot(job, max(job.steps), config)


def snapshot(job: Job, step: int, config: Point) -> Snapshot:
    """The network that a training has at one of its steps."""
    return Snapshot(job.key, step, config.net, config.data.channels, job.kind)


def made_of(*references: Reference, head: bool = False) -> tuple[Artifact, ...]:
    """The artifacts that references name; `head`: with what a training goes on with beside its weights."""
    found: list[Artifact] = []
    for item in references:
        if isinstance(item, Snapshot):
            kinds = (item.kind, "state") if head else (item.kind,)
            found += (Artifact(kind, item.key, item.step) for kind in kinds)
    return tuple(found)


def probe_jobs(config: Point, reference: Reference, parent: Job | None = None) -> list[Job]:
    """The probe of a draw, of raw pixels, or of a snapshot of the job `parent`, and measures beside it."""
    probe = probe_spec(config, reference)
    specs = [
        MeasureSpec(
            reference,
            probe.samples,
            probe.test_count,
            measure.record,
            measure.revision,
            probe.normalised_by,
        )
        for measure in MEASURES.values()
    ]
    labels: dict[str, Any] = {"role": "input"}
    if isinstance(reference, Draw):
        labels = {"role": "teacher", "teacher": reference_id(reference), "draw": draw_id(reference)}
        labels["seed"] = config.seed
        if reference.calibrated_on:
            labels["dataset"] = reference.calibrated_on.name
    if isinstance(reference, Snapshot):
        assert parent is not None
        step = reference.step
        labels = {**parent.labels, "step": step, "epoch": parent.steps[step]}
    if not isinstance(reference, Pixels):
        labels |= {"arch": config.net.arch, "width": config.net.width}
    labels["probed_on"] = config.probe.data
    if probe.normalised_by:
        labels["dataset"] = probe.normalised_by.name
    first = Job("probe", probe, {}, made_of(reference), (1,), labels)
    return [first, *(replace(first, kind="measure", spec=spec) for spec in specs)]


def probe_spec(config: Point, reference: Reference) -> ProbeSpec:
    """How a reference is judged."""
    return ProbeSpec(
        reference=reference,
        samples=probed(config),
        test_count=config.probe.test_size,
        epochs=config.probe.epochs,
        batch_size=config.probe.batch_size,
        lr=config.probe.lr,
        weight_decay=config.probe.weight_decay,
        neighbours=config.probe.neighbours,
        seed=config.seeds.probe,
        normalised_by=normaliser(config),
    )


def snapshot_probes(config: Point, student: Job) -> list[Job]:
    """The probe, and measures beside it, of each snapshot of a student."""
    return [
        job for step in student.steps for job in probe_jobs(config, snapshot(student, step, config), student)
    ]


def compared(config: Point) -> Iterator[Job]:
    """A student, and probes of it along its way, of its teacher and of raw pixels."""
    student = distill_job(config)
    yield student
    yield from snapshot_probes(config, student)
    yield from probe_jobs(config, teacher_of(config))
    yield from probe_jobs(config, Pixels())


def bare(draw: Draw) -> Draw:
    """A draw without its norm mode: its weights alone."""
    return Draw(draw.role, draw.seed, draw.net, draw.channels)


def draw_id(draw: Draw) -> str:
    """A short name of a draw's weights, the same in whatever mode its norm layers are."""
    return reference_id(bare(draw))


def reference_id(reference: Network) -> str:
    """A short name by which students find their teacher in the table."""
    return identity.digest(identity.dumps(reference), 12)
