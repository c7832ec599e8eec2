"""What a student's checkpoint is asked: jobs of lottery tickets, of connectivity, and of loss planes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from loaders import DATASETS
from randteach.build import distill_job, last, made_of, probe_spec, reference_id, snapshot, teacher_of
from randteach.config import Config
from randteach.jobs import Artifact, Job
from randteach.records import (
    ConnectSpec,
    Draw,
    MaskSpec,
    Network,
    PlaneSpec,
    Samples,
    Snapshot,
    TrainSpec,
)
from randteach.resolve import probed
from randteach.setting import UserError
from randteach.stages.mask import kept, prunable


@dataclass(frozen=True)
class Checkpoint:
    """A network that trainings start from, and how the table knows it."""

    network: Network
    labels: Mapping[str, Any]


def triggered(config: Config, student: Job) -> Iterator[Job]:
    """The trials below a student that `downstream` asks for, probes apart, and those of its teacher."""
    if "tickets" in config.downstream and _is_chosen(config.tickets.alphas, config):
        yield from ticket_jobs(config, student)
    if "connect" in config.downstream and _is_chosen(config.connect.alphas, config):
        yield from connect_jobs(config, student)


def _is_chosen(alphas: Sequence[float] | None, config: Config) -> bool:
    return alphas is None or config.alpha in alphas


def checkpoints(setting: str, epochs: Sequence[int] | None, config: Config, student: Job) -> list[Checkpoint]:
    """A student at some of its epochs, at its last where none are named; UserError for one it can't have."""
    end = max(student.steps)
    at = {epoch: step for step, epoch in student.steps.items()}
    wanted = [student.steps[end]] if epochs is None else epochs
    if missing := [epoch for epoch in wanted if epoch not in at]:
        has = ", ".join(f"{epoch:g}" for epoch in sorted(at))
        raise UserError(
            f"{setting}={missing}: the student has snapshots at epochs {has}; name these, or add to probe.at"
        )
    return [
        Checkpoint(
            snapshot(student, at[epoch], config),
            {**student.labels, "at": float(epoch), "probed_on": config.probe.data},
        )
        for epoch in wanted
    ]


def drawn(config: Config) -> Checkpoint:
    """The teacher as a checkpoint: its weights alone, in whatever mode its students see it."""
    teacher = teacher_of(config)
    labels = {
        "role": "teacher",
        "teacher": reference_id(teacher),
        "arch": config.net.arch,
        "width": config.net.width,
        "seed": teacher.seed,
        "probed_on": config.probe.data,
    }
    return Checkpoint(replace(teacher, norm="identity", calibrated_on=None), labels)


def train_job(
    config: Config,
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
    assert config.probe.test_size and seeds.train is not None and seeds.order is not None
    if config.net.arch == "resnet18" and samples.count % size == 1:
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
        seed_augment=None if settings.augment == "none" else seeds.augment,
        mask=mask.key if mask else None,
        momentum=_goes_on(start) and config.tickets.momentum == "restored",
    )
    parents = made_of(start, head=spec.momentum)
    if mask:
        parents += (Artifact(mask.kind, mask.key),)
    wanted = {epoch * steps: epoch for epoch in sorted({*epochs, settings.epochs}) if epoch}
    restored = config.tickets.momentum == "restored"
    states = frozenset(step for step in wanted if restored and wanted[step] < settings.epochs)
    return Job("train", spec, wanted, parents, config.resources.train, (2, rank), labels, states)


def _goes_on(start: Network) -> bool:
    return isinstance(start, Snapshot) and start.kind == "train"


class Pruning:
    """Masks of one network, round by round; UserError where a round would keep no weight."""

    def __init__(self, config: Config) -> None:
        assert config.data.channels and config.data.size and config.seeds.train is not None
        self.config, self.settings, self.seed = config, config.tickets, config.seeds.train
        self.shape = (config.net, config.data.channels, config.data.size)
        self.classes = DATASETS[str(config.probe.data)].classes
        self.weights = prunable(*self.shape, self.classes, self.settings.scope)
        if not self.weights:
            raise UserError(f"tickets.scope={self.settings.scope}: {config.net.arch} has no such weights")
        if not kept(self.weights, self.settings.fraction, config.rounds):
            raise UserError(
                f"rounds={config.rounds}: with tickets.fraction={self.settings.fraction:g} none of "
                f"{self.share(0)[1]} weights stays; give fewer rounds"
            )

    def share(self, number: int) -> tuple[float, int]:
        """Which part of the weights a round leaves, and how many these are."""
        count = kept(self.weights, self.settings.fraction, number)
        return count / kept(self.weights, self.settings.fraction, 0), count

    def mask(
        self,
        how: str,
        labels: Mapping[str, Any],
        number: int,
        of: Job | None = None,
        within: Job | None = None,
    ) -> Job:
        """The mask of a round: of the smallest weights that a training ended with, or a random one."""
        net, channels, size = self.shape
        end = last(of, self.config) if of else None
        spec = MaskSpec(
            how=how,
            of=end,
            within=within.key if within else None,
            net=net,
            channels=channels,
            size=size,
            classes=self.classes,
            scope=self.settings.scope,
            fraction=self.settings.fraction,
            round=number,
            seed=None if how == "magnitude" else self.seed,
        )
        parents = made_of(end) if end else ()
        if within:
            parents += (Artifact(within.kind, within.key),)
        return Job("mask", spec, {}, parents, rank=(2, number), labels=labels)


def ticket_jobs(config: Config, student: Job) -> Iterator[Job]:
    """Iterative magnitude pruning of a student, of its teacher rewound, and their controls (Figure 8)."""
    pruning, settings = Pruning(config), config.tickets
    origin = drawn(config)
    dense = train_job(config, origin.network, _round(origin, pruning, 0), epochs=settings.rewind)
    yield dense
    lines: dict[str, list[Job]] = {}
    starts: dict[str, Checkpoint] = {}
    for number, epoch in enumerate(sorted(set(settings.rewind))):
        at = next(step for step, reached in dense.steps.items() if reached == epoch) if epoch else 0
        network = snapshot(dense, at, config) if epoch else origin.network
        rewound = Checkpoint(network, {**origin.labels, "rewind": float(epoch)})
        if not number:
            starts["teacher"] = rewound
        masks = []
        for job in _line(config, pruning, rewound, dense):
            masks += [job] if job.kind == "mask" else []
            yield job
        lines.setdefault("teacher", masks)
    for point in checkpoints("tickets.at", settings.at, config, student):
        whole = train_job(config, point.network, _round(point, pruning, 0))
        yield whole
        masks = []
        for job in _line(config, pruning, point, whole):
            masks += [job] if job.kind == "mask" else []
            yield job
        yield from _controls(config, pruning, point, masks, lines["teacher"] if lines else [])
        if lines:
            yield from _controls(config, pruning, starts["teacher"], lines["teacher"], masks)


def _line(config: Config, pruning: Pruning, start: Checkpoint, dense: Job) -> Iterator[Job]:
    """Round after round: a mask of what the round before ended with, and the training under it."""
    end, within = dense, None
    for number in range(1, config.rounds + 1):
        labels = _round(start, pruning, number)
        within = pruning.mask("magnitude", labels, number, end, within)
        end = train_job(config, start.network, labels, mask=within, rank=number)
        yield within
        yield end


def _controls(
    config: Config, pruning: Pruning, start: Checkpoint, masks: Sequence[Job], others: Sequence[Job]
) -> Iterator[Job]:
    """The same rounds with something else in place of the mask, or of the weights under it."""
    assert config.data.channels and config.seeds.train is not None
    fresh = Draw("reinit", config.seeds.train, config.net, config.data.channels)
    for number, found in enumerate(masks, start=1):
        for control in config.tickets.controls:
            labels = {**_round(start, pruning, number), "control": control}
            network, mask = start.network, found
            if control == "reinit":
                network = fresh
            elif control == "transfer":
                if number > len(others):
                    continue
                mask = others[number - 1]
            else:
                like = found if control == "random_layers" else None
                mask = pruning.mask(control, labels, number, within=like)
                yield mask
            yield train_job(config, network, labels, mask=mask, rank=number)


def _round(start: Checkpoint, pruning: Pruning, number: int) -> dict[str, Any]:
    return {**start.labels, "round": number, "kept": pruning.share(number)[0]}


def connect_jobs(config: Config, student: Job) -> Iterator[Job]:
    """Children of a student's checkpoints and of its teacher, and the lines between them (Figure 9)."""
    for point in (drawn(config), *checkpoints("connect.at", config.connect.at, config, student)):
        children = [
            train_job(config, point.network, {**point.labels, "pair": str(order)}, order=order)
            for order in range(config.connect.children)
        ]
        yield from children
        for one, other in combinations(range(len(children)), 2):
            labels = {**point.labels, "pair": f"{one}-{other}"}
            yield connect_job(config, children[one], children[other], labels)


def connect_job(config: Config, one: Job, other: Job, labels: Mapping[str, Any]) -> Job:
    """The line between two trainings; UserError where their networks differ."""
    ends = (last(one, config), last(other, config))
    samples, test_count = evaluated("connect", config.connect.train_size, config.connect.test_size, config)
    for end in (one.spec, other.spec):
        if not isinstance(end, TrainSpec) or end.start.net != config.net:
            raise UserError(f"net={config.net}: children of different networks have no line between them")
    spec = ConnectSpec(ends, samples, test_count, config.connect.points)
    return Job("connect", spec, {}, made_of(*ends), config.resources.connect, (3,), labels)


def evaluated(stage: str, train: int | None, test: int | None, config: Config) -> tuple[Samples, int]:
    """The probe's samples, or fewer of them where a stage asks for that; UserError where it asks for more."""
    samples, test_count = probed(config), config.probe.test_size
    assert test_count
    for name, wanted, most in (("train", train, samples.count), ("test", test, test_count)):
        if wanted and wanted > most:
            raise UserError(
                f"{stage}.{name}_size={wanted}: the probe has {most} such samples; give at most that"
            )
    return replace(samples, count=train or samples.count), test or test_count


def plane_jobs(config: Config) -> Iterator[Job]:
    """The plane through a teacher and two of its students, or the line to one, in jobs of a row's points.

    A finer grid with twice as many steps a side has all points of the coarser one, and its jobs.
    """
    settings, teacher = config.plane, teacher_of(config)
    if len(set(settings.alphas)) != len(settings.alphas) or len(settings.alphas) not in (1, 2):
        raise UserError(
            f"plane.alphas={settings.alphas}: a plane takes two students of different alpha, a line one"
        )
    students = [distill_job(replace(config, alpha=alpha), head=True) for alpha in settings.alphas]
    if not max(students[0].steps):
        raise UserError("distill.epochs=0: untrained students span no plane; train them")
    yield from students
    corners: tuple[Network, ...] = (teacher, *(last(student, config) for student in students))
    samples, test_count = evaluated("plane", settings.train_size, settings.test_size, config)
    probe = replace(probe_spec(config, teacher), samples=samples, test_count=test_count)
    labels = {name: value for name, value in students[0].labels.items() if name not in ("alpha", "round")}
    labels |= {"at": float(students[0].steps[max(students[0].steps)]), "probed_on": config.probe.data}
    for row, columns in [(None, ()), *grid(settings.resolution, flat=len(corners) == 2)]:
        spec = PlaneSpec(
            corners=corners,
            teacher=teacher,
            head=config.head,
            student_temperature=config.distill.student_temperature,
            teacher_temperature=config.distill.teacher_temperature,
            probe=probe,
            coordinates=settings.coordinates,
            margin=settings.margin,
            norm=settings.norm,
            row=row,
            columns=columns,
        )
        place = {"place": "corners" if row is None else f"{row:g}"}
        parents = made_of(*corners, head=True)
        yield Job("plane", spec, {}, parents, config.resources.plane, (3,), labels | place)


def grid(resolution: int, *, flat: bool = False) -> list[tuple[float, tuple[float, ...]]]:
    """A square grid's rows and columns from 0 to 1 as jobs, so that a refined grid keeps the jobs it had.

    Its steps are halved down to a coarsest grid of at least four; a row's job holds those columns that
    came with one halving. `flat` has one row.
    """
    steps = resolution - 1
    halvings = 0
    while steps % 2 == 0 and steps // 2 >= 4:
        steps, halvings = steps // 2, halvings + 1

    def level(number: int) -> int:
        """With which halving a row or column comes."""
        return next(h for h in range(halvings + 1) if number % 2 ** (halvings - h) == 0)

    numbers = range(resolution)
    jobs = []
    for row in [0] if flat else numbers:
        parts: dict[int, list[float]] = {}
        for column in numbers:
            when = max(level(row), level(column))
            parts.setdefault(when, []).append(column / (resolution - 1))
        jobs += [(row / (resolution - 1), tuple(part)) for _, part in sorted(parts.items())]
    return jobs
