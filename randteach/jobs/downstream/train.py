"""Checkpoints that downstream jobs start from, and supervised trainings of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loaders.augment import AUGMENTATIONS
from randteach.errors import UserError
from randteach.identity.artifact import Artifact
from randteach.jobs.build import bare, draw_id, made_of, reference_id, snapshot, teacher_of
from randteach.jobs.job import Job
from randteach.jobs.point import Point
from randteach.jobs.resolve import probed
from randteach.nets import has_batch_norm
from randteach.specs import Network, Snapshot, TrainSpec


@dataclass(frozen=True)
class Checkpoint:
    """A network that trainings start from, and how the table knows it."""

    network: Network
    labels: Mapping[str, Any]


def checkpoints(setting: str, epochs: Sequence[int], config: Point, student: Job) -> list[Checkpoint]:
    """A student at some of its epochs; UserError for one it can't have."""
    at = {epoch: step for step, epoch in student.steps.items()}
    if missing := [epoch for epoch in epochs if epoch not in at]:
        has = ", ".join(f"{epoch:g}" for epoch in sorted(at))
        raise UserError(
            f"{setting}={missing}: the student has snapshots at epochs {has}; name these, or add to probe.at"
        )
    return [
        Checkpoint(
            snapshot(student, at[epoch], config),
            {**student.labels, "at": float(epoch), "probed_on": config.probe.data},
        )
        for epoch in epochs
    ]


def drawn(config: Point) -> Checkpoint:
    """The teacher as a checkpoint: its weights alone, in whatever mode its students see it."""
    teacher = teacher_of(config)
    labels = {
        "role": "teacher",
        "teacher": reference_id(teacher),
        "draw": draw_id(teacher),
        "arch": config.net.arch,
        "width": config.net.width,
        "seed": config.seed,
        "probed_on": config.probe.data,
    }
    return Checkpoint(bare(teacher), labels)


def train_job(
    config: Point,
    start: Network,
    labels: Mapping[str, Any],
    *,
    mask: Job | None = None,
    epochs: Iterable[int] = (),
    order: int | None = None,
    rank: int = 0,
) -> Job:
    """A supervised training to the end of its schedule, with snapshots at some epochs on the way.

    UserError for an epoch beyond the schedule, and where BatchNorm would see a batch of one sample.
    """
    seeds, settings = config.seeds, config.train
    samples, size = probed(config), settings.batch_size
    if has_batch_norm(config.net) and samples.count % size == 1:
        raise UserError(
            f"train.batch_size={size}: leaves one of {samples.count} samples for the last batch, on which "
            "BatchNorm has no statistics; give another size"
        )
    if late := [epoch for epoch in epochs if epoch >= settings.epochs]:
        raise UserError(
            f"tickets.rewind={late}: the training has train.epochs={settings.epochs}; name earlier epochs"
        )
    steps = -(-samples.count // size)
    spec = TrainSpec(
        start=start,
        samples=samples,
        test_count=config.probe.test_size,
        train=settings,
        seed_classifier=seeds.train,
        seed_order=seeds.order if order is None else order,
        seed_augment=seeds.augment if AUGMENTATIONS.find(settings.augment, "train.augment").apply else None,
        mask=mask.key if mask else None,
        momentum=_goes_on(start) and config.tickets.momentum == "restored",
    )
    parents = made_of(start, head=spec.momentum)
    if mask:
        parents += (Artifact(mask.kind, mask.key),)
    wanted = {epoch * steps: epoch for epoch in sorted({*epochs, settings.epochs}) if epoch}
    restored = config.tickets.momentum == "restored"
    states = frozenset(step for step in wanted if restored and wanted[step] < settings.epochs)
    return Job("train", spec, wanted, parents, (2, rank), labels, states)


def _goes_on(start: Network) -> bool:
    return isinstance(start, Snapshot) and start.kind == "train"
