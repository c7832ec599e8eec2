"""Fill in the nulls of a point, and refuse values that can't work before anything starts."""

import math
from dataclasses import replace
from typing import Any

from loaders import DATASETS
from loaders.datasets import DataSet
from randteach import nets
from randteach.config.schema import Config, check
from randteach.errors import UserError
from randteach.identity import names
from randteach.jobs.point import Point, point
from randteach.nets import declared
from randteach.specs import Samples
from randteach.stages.losses import LOSSES


def resolve(config: Config, typed: frozenset[str] = frozenset()) -> Point:
    """Replace every null by what it stands for; sizes that nobody typed are ceilings."""
    check(config)
    config = _seeds(config)
    config = _shape(config)
    config = _probe_sizes(config, typed)
    config = _train_size(config, typed)
    config = _network(config, typed)
    _check_batches(config)
    return point(_downstream(config, typed))


def distilled(config: Point) -> Samples:
    """The samples that a resolved point's student learns from."""
    data, noise = config.data, DATASETS[config.data.name].noise
    own = _samples(config, data.name)
    if not noise:
        return own
    sigma, of = (None, _samples(config, data.like)) if noise.of_images else (data.sigma, None)
    return replace(own, sigma=sigma, seed=config.seeds.noise, of=of)


def _samples(config: Point, name: str) -> Samples:
    """What a student learns from, or what its inputs are made from."""
    data = config.data
    return Samples(
        name=name,
        checksum=DATASETS[name].checksum,
        channels=data.channels,
        size=data.size,
        count=data.train_size,
        holdout=held_out(config) if config.probe.data == name else 0,
    )


def held_out(config: Point) -> int:
    """Validation samples of the probed set, beside `probe.train_size` of a resolved point."""
    return holdout(config.probe.data, config.probe.train_size, config.probe.val_fraction)


def trainable(name: str, fraction: float) -> int:
    """How many samples of a set can be trained on, where a share of all that are used is held out."""
    train = DATASETS[name].train
    return train - round(train * fraction)


def holdout(name: str, size: int, fraction: float) -> int:
    """How many samples of a set are a share of all that are used, where `size` are trained on."""
    left = DATASETS[name].train - size  # rounding must not ask for more
    return min(round(size * fraction / (1 - fraction)), left)


def probed(config: Point) -> Samples:
    """The labelled training samples that a resolved point's probes use."""
    return Samples(
        name=config.probe.data,
        checksum=DATASETS[config.probe.data].checksum,
        channels=config.data.channels,
        size=config.data.size,
        count=config.probe.train_size,
        holdout=held_out(config),
    )


def normaliser(config: Point) -> Samples | None:
    """The set whose statistics normalise a resolved point's probed images, if it is another one."""
    data, known = config.data, DATASETS[config.data.name]
    if config.probe.normalise == "own" or known.noise or config.probe.data == data.name:
        return None
    return Samples(data.name, known.checksum, data.channels, data.size, known.train)


def _known(setting: str, name: str) -> DataSet:
    return DATASETS.find(name, setting)


def _seeds(config: Config) -> Config:
    given = config.seeds
    own = {
        name: config.seed if getattr(given, name) is None else getattr(given, name)
        for name in ("teacher", "student", "order", "augment", "train", "noise")
    }
    return replace(config, seeds=replace(given, **own))


def _shape(config: Config) -> Config:
    """Native size and channels where none is asked for; which set is probed."""
    data, known = config.data, _known("data.name", config.data.name)
    if known.noise and data.like is None:
        raise UserError(f"data.name={data.name}: random inputs take their shape from data.like; set it")
    shaped = _known("data.like", str(data.like)) if known.noise else known
    probe_data = config.probe.data or (data.like if known.noise else data.name)
    probe_known = _known("probe.data", str(probe_data))
    if probe_known.noise or shaped.noise:
        raise UserError(f"probe.data={probe_data}, data.like={data.like}: random inputs have no labels")
    if not probe_known.labelled or not probe_known.test:
        lacks = "test images" if probe_known.labelled else "labels"
        others = ", ".join(one.name for one in DATASETS.values() if one.labelled and one.test)
        raise UserError(f"probe.data={probe_data}: has no {lacks} to probe with; set it to one of {others}")
    channels = data.channels or shaped.shape[0]
    for setting, item in (("data.like" if known.noise else "data.name", shaped), ("probe.data", probe_known)):
        if item.shape[0] not in (1, channels):
            raise UserError(
                f"data.channels={channels}: {item.name} ({setting}) has {item.shape[0]} channels, which "
                f"can't be made fewer; set data.channels={item.shape[0]}"
            )
    data = replace(data, size=data.size or shaped.side, channels=channels, like=data.like or data.name)
    return replace(config, data=data, probe=replace(config.probe, data=probe_data))


def _probe_sizes(config: Config, typed: frozenset[str]) -> Config:
    probe, known = config.probe, DATASETS[str(config.probe.data)]
    most = trainable(known.name, probe.val_fraction)
    train = _size("probe.train_size", probe.train_size, most, probe.data, typed)
    test = _size("probe.test_size", probe.test_size, known.test, probe.data, typed)
    if probe.neighbours > train:
        raise UserError(
            f"probe.neighbours={probe.neighbours}: there are {train} training samples; give at most that"
        )
    return replace(config, probe=replace(probe, train_size=train, test_size=test))


def _train_size(config: Config, typed: frozenset[str]) -> Config:
    data, noise = config.data, DATASETS[config.data.name].noise
    images = str(data.like) if noise else data.name
    most = DATASETS[images].train
    if noise and not noise.of_images:
        count = data.train_size or most
    else:
        if config.probe.data == images:
            most -= holdout(images, config.probe.train_size or 0, config.probe.val_fraction)
        count = _size("data.train_size", data.train_size, most, images, typed)
    return replace(config, data=replace(data, train_size=count))


def _network(config: Config, typed: frozenset[str]) -> Config:
    """The network's own width and norm layers; the head's parts; UserError where they don't fit."""
    architecture, (width, norm) = nets.find(config.net), nets.settled(config.net)
    channels, size = config.data.channels or 1, config.data.size or 1
    if problem := architecture.why_not(size, width, norm):
        raise UserError(problem)
    if names.fits(names.OUTSIDE, architecture.name):
        declared.check(architecture, channels, width, size, norm)
    head = nets.bottleneck.filled(config.head, architecture.embedding_dim(width, size), typed)
    loss = LOSSES.find(config.distill.loss, "distill.loss")
    if head.out_dim < loss.least:
        raise UserError(
            f"head.out_dim={head.out_dim}: distill.loss={loss.name} says nothing of so few outputs; "
            f"give {loss.least} or more"
        )
    return replace(config, net=nets.filled(config.net), head=head)


def _downstream(config: Config, typed: frozenset[str]) -> Config:
    """The student's length; which students have downstream jobs (null: its own); their samples."""
    sizes = {"train_size": config.probe.train_size or 0, "test_size": config.probe.test_size or 0}
    steps = snapshots(config)
    last = max(steps)
    filled: dict[str, Any] = {"steps": last, "epochs": math.ceil(steps[last])}  # the last one may be partial
    filled = {"distill": replace(config.distill, **filled)}
    for stage in ("tickets", "connect", "plane"):
        given = getattr(config, stage)
        own: dict[str, Any] = {"at": [steps[last]], "alphas": [config.alpha]}
        own = {name: value for name, value in own.items() if getattr(given, name, ()) is None}
        own |= {
            name: _size(f"{stage}.{name}", getattr(given, name), most, "the probe", typed)
            for name, most in sizes.items()
            if hasattr(given, name)
        }
        filled[stage] = replace(given, **own)
    return replace(config, **filled)


def steps_an_epoch(config: Config) -> int:
    """Optimiser steps of one pass over a resolved point's samples."""
    size, batch = config.data.train_size or 0, config.distill.batch_size
    return size // batch if config.distill.drop_last else -(-size // batch)


def snapshots(config: Config) -> dict[int, float]:
    """Optimiser step -> epoch of a resolved point's student: each probed epoch and the last."""
    distill, epoch = config.distill, steps_an_epoch(config)
    last = distill.steps if distill.steps is not None else (distill.epochs or 0) * epoch
    steps: dict[int, float] = {e * epoch: e for e in sorted(config.probe.at) if e * epoch <= last}
    steps.setdefault(last, last // epoch if last % epoch == 0 else last / epoch)
    return dict(sorted(steps.items()))


def _size(setting: str, wanted: int | None, most: int, whose: str | None, typed: frozenset[str]) -> int:
    if wanted is None:
        return most
    if wanted > most and setting in typed:
        raise UserError(f"{setting}={wanted}: {whose} has {most} such samples; give at most that")
    return min(wanted, most)


def _check_batches(config: Config) -> None:
    count, batch = config.data.train_size or 0, config.distill.batch_size
    if config.distill.drop_last and count < batch:
        raise UserError(
            f"distill.batch_size={batch}: with drop_last, {count} samples fill no batch; give at most {count}"
        )
    if nets.has_batch_norm(config.net) and batch == 1:
        raise UserError(
            "distill.batch_size=1: BatchNorm has no statistics of one sample; give 2 or more, "
            "or net.norm=none"
        )
    if nets.has_batch_norm(config.net) and not config.distill.drop_last and count % batch == 1:
        raise UserError(
            f"distill.batch_size={batch}: leaves one of {count} samples for the last batch, on which "
            "BatchNorm has no statistics; give another size or distill.drop_last=true"
        )
