"""One job, made: the only way in which anything is computed, in the process or on a worker."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from loaders import Split, open_split
from loaders.order import balanced, held_out
from randteach import nets, work
from randteach.engine.keeper import Event, Keeper
from randteach.engine.queue import DONE, FAILED, POSTPONED, STOPPED
from randteach.marker import Damaged
from randteach.records import Artifact, DistillSpec, Draw, Job, Pixels, ProbeSpec, Samples
from randteach.stages.distill import distill
from randteach.stages.embed import drawn_encoder, to_device
from randteach.stages.probe import probe
from randteach.stages.recorder import State, Stopped
from randteach.store import Store

CPU = torch.device("cpu")


@dataclass
class Context:
    """What a job needs that does not change its numbers; a worker keeps its cache between jobs."""

    store: Store
    root: Path
    cache: Path
    loader: str
    emit: Callable[[Event], None] = lambda event: None
    features: dict[str, torch.Tensor] = field(default_factory=dict)
    session: str = ""
    study: str = ""
    checkpoint_every: float = 0.0
    stop: Callable[[], bool] = lambda: False


class Postponed(Exception):
    """A parent's artifact was damaged: it has been set aside, and has to be made again first."""


def execute(job: Job, context: Context) -> None:
    """Run the stage for those of the job's artifacts that the store lacks, and commit them.

    Goes on from the newest state that is whole. Raises Stopped where the context says stop, Postponed
    where a parent is damaged or gone; the job's own damaged artifacts are made again at once.
    """
    if all(context.store.has(a) for a in job.artifacts):
        return
    if gone := [parent.name for parent in job.parents if not context.store.has(parent)]:
        raise Postponed(f"{', '.join(gone)}: not in the store")
    keeper = Keeper(job, context)
    keeper.start()
    while wanted := [a for a in job.artifacts if not context.store.has(a)]:
        try:
            if isinstance(job.spec, ProbeSpec):
                _probe(job.spec, context, keeper)
            else:
                _distill(job, job.spec, wanted, context, keeper)
        except Damaged as damage:
            context.store.set_aside(damage)
            keeper.damaged(damage)
            if damage.artifact.key != job.key:
                raise Postponed(str(damage)) from None
    keeper.done(max(job.steps, default=None))


def attempt(job: Job, context: Context) -> tuple[str, str]:
    """Execute a job; how it ended, and its error where it failed."""
    try:
        execute(job, context)
    except Stopped:
        return STOPPED, ""
    except Postponed:
        return POSTPONED, ""
    except Exception:  # whatever a job does wrong is the job's failure
        return FAILED, traceback.format_exc()
    return DONE, ""


def open_samples(samples: Samples, split: str, context: Context, device: torch.device = CPU) -> Split:
    """The split that samples are taken from, by this machine's reader."""
    return open_split(
        samples.name,
        split,
        size=samples.size,
        channels=samples.channels,
        loader=context.loader,
        root=context.root,
        cache=context.cache,
        device=str(device) if context.loader == "device" else "cpu",
        count=samples.count if samples.sigma is not None else None,
        sigma=1.0 if samples.sigma is None else samples.sigma,
    )


def _distill(job: Job, spec: DistillSpec, wanted: list[Artifact], context: Context, keeper: Keeper) -> None:
    """Run from the last kept state before each missing snapshot, so that nothing is done twice."""
    data = open_samples(spec.samples, "train", context, keeper.device)
    indices = indices_of(data, spec.samples)
    missing = {a.step: job.steps[a.step] for a in wanted if a.step is not None}
    store, cache = context.store, context.features
    committed, unfinished = kept_states(store, job.key), work.kept_steps(store, job.key)
    for begin, steps in _segments(sorted(missing), committed, unfinished):
        resume = _resume(store, job.key, begin) if begin else None
        part = {step: missing[step] for step in steps}
        keeper.begin(resume.step if resume else 0)
        distill(spec, part, data, indices, keeper.device, keeper, resume=resume, cache=cache)


def kept_states(store: Store, key: str) -> list[int]:
    """Steps at which both a trajectory's snapshot and its state are committed."""
    states = [a for a in store.find(key) if a.kind == "state" and a.step is not None]
    return [a.step for a in states if a.step and store.has(replace(a, kind="distill"))]


def _segments(
    missing: list[int], committed: list[int], unfinished: Sequence[int] = ()
) -> list[tuple[int, list[int]]]:
    """(step to begin at, steps to reach): each missing step from the nearest kept state before it.

    An unfinished attempt's state has no row of its own step, and so is only good for later ones.
    """
    segments: list[tuple[int, list[int]]] = []
    for step in missing:
        begin = max((0, *(at for at in committed if at <= step), *(at for at in unfinished if at < step)))
        if segments and begin <= segments[-1][1][-1]:
            segments[-1][1].append(step)
        else:
            segments.append((begin, [step]))
    return segments


def _resume(store: Store, key: str, step: int) -> State | None:
    """The state at a step, or the newest one before it that is whole."""
    committed = set(kept_states(store, key))
    for at in sorted({at for at in {*committed, *work.kept_steps(store, key)} if at <= step}, reverse=True):
        if at in committed:
            snapshot = Artifact("distill", key, at)
            encoder = store.weights(snapshot, "encoder")
            tensors = store.weights(replace(snapshot, kind="state"), "state")
            named = {f"encoder.{name}": value for name, value in encoder.items()}
            return State(at, store.rows(snapshot), named | tensors)
        if state := work.load(store, key, at):
            return state
    return None


def _probe(spec: ProbeSpec, context: Context, keeper: Keeper) -> None:
    encoder = encoder_of(spec, context, keeper.device)
    train = open_samples(spec.samples, "train", context, keeper.device)
    test = open_samples(spec.samples, "test", context, keeper.device)
    assert train.labels is not None and test.labels is not None
    indices = {
        "train": indices_of(train, spec.samples),
        "val": held_out(train.labels, spec.samples.holdout),
        "test": balanced(test.labels, spec.test_count),
    }
    keeper.begin()
    probe(spec, encoder, train, test, indices, keeper.device, keeper)


def encoder_of(
    spec: ProbeSpec, context: Context, device: torch.device
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The reference as a function x_BCHW -> features_BD, frozen and in evaluation mode."""
    reference, samples = spec.reference, spec.samples
    if isinstance(reference, Pixels):
        return partial(torch.flatten, start_dim=1)
    if isinstance(reference, Draw):
        base, calibration = reference.calibrated_on, None
        if base:
            data = open_samples(base, "train", context, device)
            calibration = (data, indices_of(data, base))
        return drawn_encoder(reference, samples.size, device, calibration)
    encoder = nets.build(reference.net, reference.channels, samples.size)
    snapshot = Artifact("distill", reference.key, reference.step)
    context.store.read(snapshot, "config.json")  # which must hash to its key
    encoder.load_state_dict(context.store.weights(snapshot, "encoder"))
    return to_device(encoder.requires_grad_(False), device).eval()


def indices_of(data: Split, samples: Samples) -> np.ndarray:
    """Which of a split's samples are used: class-balanced and nested in their number."""
    if data.labels is None:
        return np.arange(samples.count)
    return balanced(data.labels, samples.count, samples.holdout)
