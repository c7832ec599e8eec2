"""Estimate a plan: space by the shapes of its networks, time by past jobs of the same kinds."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from statistics import mean

import torch

from randteach import nets
from randteach.errors import Damaged
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Job
from randteach.kinds import KINDS
from randteach.kinds.cost import Cost
from randteach.stages.losses import distillation_loss
from randteach.store import missing as missing_jobs
from randteach.store.store import Store

SMALL = 4 << 10  # rows, config and provenance of an artifact
LOOKED_AT = 100  # past artifacts of jobs that are alike
ALIKE = ("arch", "width", "probed_on", "net.norm", "data.size", "distill.precision")  # among labels
RATE = 25e12  # operations a second that fp32 may reach on an H100: assumed, about a third of its peak


def storage(jobs: Iterable[Job]) -> int:
    """Count the bytes that the artifacts of some jobs take."""
    total = 0
    counts: dict[str, tuple[int, int]] = {}
    for job in jobs:
        total += SMALL * len(job.artifacts)
        if cost := _cost(job):
            shape = repr((cost.net, cost.head, cost.channels, cost.size))
            if shape not in counts:
                counts[shape] = parameters(cost)
            total += cost.stores(*counts[shape], len(job.steps))
    return total


def _cost(job: Job) -> Cost | None:
    """What a job costs by its networks' shapes; None for one that trains nothing and holds no weights."""
    declared = KINDS[job.kind].cost
    return declared(job.spec) if declared else None


def parameters(cost: Cost) -> tuple[int, int]:
    """Parameters of encoder and head."""
    with torch.device("meta"):
        encoder = nets.build(cost.net, cost.channels, cost.size)
        dim = nets.embedding_dim(cost.net, cost.size)
        own = nets.Head(cost.head, dim) if cost.head else torch.nn.Module()
    return sum(p.numel() for p in encoder.parameters()), sum(p.numel() for p in own.parameters())


def past_seconds(
    jobs: Sequence[Job], missing: Sequence[Job], store: Store, gone: Collection[Artifact] = ()
) -> float | None:
    """Estimate the seconds that one worker needs for the missing jobs, by past jobs of their kinds.

    By those of the same network and precision, where there are any. None if a kind has no past job. The
    time of a trajectory is proportional to its steps. Artifacts that are to be removed (`gone`) still count
    as past jobs.
    """
    kinds = {job.kind for job in jobs}
    done, left = missing_jobs.done(kinds, store), missing_jobs.done(kinds, store, gone)
    past: defaultdict[tuple[object, ...], list[float]] = defaultdict(list)
    for job in jobs:
        made = [artifact for artifact in job.artifacts if artifact.name in done[job.kind]]
        # A snapshot of step 0 alone says nothing of how long a step takes.
        if made and made[-1].step != 0 and len(past[_like(job)]) < LOOKED_AT:
            with suppress(Damaged):  # who reads it later sets it aside
                seconds = sum(store.commit_of(artifact).seconds for artifact in made) / _length(made)
                past[_like(job)].append(seconds)
                past[(job.kind,)].append(seconds)
    if any(not past[(job.kind,)] for job in missing):
        return None
    return sum(mean(past[_like(job)] or past[(job.kind,)]) * _left(job, left[job.kind]) for job in missing)


def _like(job: Job) -> tuple[object, ...]:
    """What jobs have in common that take about as long."""
    return (job.kind, *map(job.labels.get, ALIKE))


def _left(job: Job, done: set[str]) -> int:
    """Steps up to the last artifact that is missing, from the last one before it that is there."""
    lacking = [a for a in job.artifacts if a.name not in done]
    target = _length(lacking)
    there = [a.step or 0 for a in job.artifacts if a.name in done]
    return target - max((step for step in there if step < target), default=0)


def _length(artifacts: Sequence[Artifact]) -> int:
    """Steps that lead to the last of a trajectory's artifacts; 1 for a job without steps."""
    return max(1, artifacts[-1].step or 0)


def measured_seconds(jobs: Sequence[Job], threads: int) -> float:
    """Seconds of all trainings' steps on this machine's CPU, from one timed step of each shape."""
    return _of_all_steps(jobs, lambda cost: _one_step(cost, threads))


def _of_all_steps(jobs: Iterable[Job], of_a_step: Callable[[Cost], float]) -> float:
    """Sum what a step costs over all trainings, found once for each shape."""
    known: dict[str, float] = {}
    total = 0.0
    for job in jobs:
        cost = _cost(job)
        if cost and cost.batch:
            shape = repr((cost.net, cost.head, cost.channels, cost.size, cost.batch))
            if shape not in known:
                known[shape] = of_a_step(cost)
            total += known[shape] * max(job.steps)
    return total


def _one_step(cost: Cost, threads: int) -> float:
    """Seconds of the second of two steps on made-up inputs."""
    torch.set_num_threads(threads)
    encoder = nets.draw_encoder(cost.net, cost.channels, cost.size, "teacher", 0)
    dim = nets.embedding_dim(cost.net, cost.size)
    own = nets.draw_head(cost.head, dim, "teacher", 0) if cost.head else nets.draw_classifier(dim, 2, 0)
    shape = (cost.batch, cost.channels, cost.size, cost.size)
    x_BCHW = torch.zeros(shape).contiguous(memory_format=torch.channels_last)
    seconds = 0.0
    for _ in range(2):
        began = time.monotonic()
        logits = own(encoder(x_BCHW))
        loss, _kl = distillation_loss(logits, logits.detach().clone())
        loss.backward()
        seconds = time.monotonic() - began
    return seconds


def operations(jobs: Iterable[Job]) -> float:
    """Count the floating-point operations of all forward and backward passes of trainings, as torch does."""
    return _of_all_steps(jobs, lambda cost: cost.batch * _of_a_sample(cost))


def _of_a_sample(cost: Cost) -> float:
    """Operations of a training for one sample, without computing any."""
    from torch.utils.flop_counter import FlopCounterMode  # few plans are counted

    with torch.device("meta"):
        encoder = nets.build(cost.net, cost.channels, cost.size)
        dim = nets.embedding_dim(cost.net, cost.size)
        own = nets.Head(cost.head, dim) if cost.head else torch.nn.Linear(dim, 2)
        x_BCHW = torch.zeros(2, cost.channels, cost.size, cost.size)  # BatchNorm takes two
    with FlopCounterMode(display=False) as counter:
        own(encoder(x_BCHW)).sum().backward()
    return counter.get_total_flops() / len(x_BCHW)


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
