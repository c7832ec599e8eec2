"""Lottery tickets: rounds of pruning, rewinding and training, and their controls (Figure 8)."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from loaders import DATASETS
from randteach.errors import UserError
from randteach.identity.artifact import Artifact
from randteach.jobs.build import last, made_of, snapshot
from randteach.jobs.downstream.train import Checkpoint, checkpoints, drawn, train_job
from randteach.jobs.job import Job
from randteach.jobs.point import Point
from randteach.nets.pruning import kept, prunable
from randteach.specs import Draw, MaskSpec


class Pruning:
    """Masks of one network, round by round; UserError where a round would keep no weight."""

    def __init__(self, config: Point) -> None:
        self.config, self.settings, self.seed = config, config.tickets, config.seeds.train
        self.shape = (config.net, config.data.channels, config.data.size)
        self.classes = DATASETS[config.probe.data].classes
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


def ticket_jobs(config: Point, student: Job | None) -> Iterator[Job]:
    """Iterative magnitude pruning of a teacher rewound, of its student, and their controls (Figure 8)."""
    pruning, settings = Pruning(config), config.tickets
    origin = drawn(config)
    dense = train_job(config, origin.network, _round(origin, pruning, 0), epochs=settings.rewind)
    yield dense
    teachers: list[tuple[Checkpoint, list[Job]]] = []  # a start and its masks, by rewinding
    for epoch in sorted(set(settings.rewind)):
        at = next(step for step, reached in dense.steps.items() if reached == epoch) if epoch else 0
        network = snapshot(dense, at, config) if epoch else origin.network
        rewound = Checkpoint(network, {**origin.labels, "rewind": float(epoch)})
        line = list(_line(config, pruning, rewound, dense))
        yield from line
        teachers.append((rewound, line[::2]))
    own = [control for control in settings.controls if control != "transfer"]
    for start, masks in teachers[:1]:
        yield from _controls(config, pruning, start, masks, own)
    for point in checkpoints("tickets.at", settings.at, config, student) if student else []:
        whole = train_job(config, point.network, _round(point, pruning, 0))
        line = list(_line(config, pruning, point, whole))
        yield from (whole, *line)
        yield from _controls(config, pruning, point, line[::2], own)
        for start, masks in teachers[:1] if "transfer" in settings.controls else []:
            donor = {name: point.labels[name] for name in ("alpha", "at")}
            yield from _transferred(config, pruning, point, masks)
            yield from _transferred(config, pruning, start, line[::2], donor)


def _line(config: Point, pruning: Pruning, start: Checkpoint, dense: Job) -> Iterator[Job]:
    """Round after round in turn: a mask of what the round before ended with, the training under it."""
    end, within = dense, None
    for number in range(1, config.rounds + 1):
        labels = _round(start, pruning, number)
        within = pruning.mask("magnitude", labels, number, end, within)
        end = train_job(config, start.network, labels, mask=within, rank=number)
        yield within
        yield end


def _controls(
    config: Point, pruning: Pruning, start: Checkpoint, masks: Sequence[Job], controls: Sequence[str]
) -> Iterator[Job]:
    """The same rounds with a random mask in place of each, or with fresh weights under it."""
    fresh = Draw("reinit", config.seeds.train, config.net, config.data.channels)
    for number, found in enumerate(masks, start=1):
        for control in controls:
            labels = {**_round(start, pruning, number), "control": control}
            network, mask = start.network, found
            if control == "reinit":
                network = fresh
            elif control == "random":
                mask = pruning.mask(control, of_none(labels), number)
                yield mask
            else:
                mask = pruning.mask(control, labels, number, within=found)
                yield mask
            yield train_job(config, network, labels, mask=mask, rank=number)


def _transferred(
    config: Point,
    pruning: Pruning,
    start: Checkpoint,
    masks: Sequence[Job],
    donor: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Job]:
    """The same rounds under another network's masks; `donor` labels whose they are."""
    for number, mask in enumerate(masks, start=1):
        labels = {**_round(start, pruning, number), "control": "transfer", **donor}
        yield train_job(config, start.network, labels, mask=mask, rank=number)


def of_none(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Labels of a mask that is random in all layers: teachers and students share it."""
    kept = ("arch", "width", "seed", "probed_on", "round", "kept", "control")
    return {"role": "random", **{name: labels[name] for name in kept if name in labels}}


def _round(start: Checkpoint, pruning: Pruning, number: int) -> dict[str, Any]:
    return {**start.labels, "round": number, "kept": pruning.share(number)[0]}
