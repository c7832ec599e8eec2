"""One job, made: the only way in which anything is computed, in the process or on a worker."""

import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from loaders import Split, open_split
from loaders.order import balanced, held_out
from randteach import identity, nets, numerics
from randteach.records import Artifact, DistillSpec, Draw, Job, Pixels, ProbeSpec, Samples
from randteach.stages.distill import Resume, distill
from randteach.stages.embed import drawn_encoder, to_device
from randteach.stages.probe import probe
from randteach.stages.recorder import Result, Row
from randteach.store import Store, tensors

VERSIONS = ("torch", "torchvision", "numpy", "safetensors")
CPU = torch.device("cpu")
Event = dict[str, Any]


@dataclass
class Context:
    """What a job needs that does not change its numbers; a worker keeps its cache between jobs."""

    store: Store
    root: Path
    cache: Path
    loader: str
    emit: Callable[[Event], None] = lambda event: None
    features: dict[str, torch.Tensor] = field(default_factory=dict)


def execute(job: Job, context: Context) -> None:
    """Run the stage for those of the job's artifacts that the store lacks, and commit them."""
    wanted = [a for a in job.artifacts if not context.store.has(a)]
    if not wanted:
        return
    context.emit({"event": "begin", "key": job.key})
    device, exact = numerics.set_up(job.slot.cpus, job.slot.gpus)
    keeper = _Keeper(job, context, exact, device)
    if isinstance(job.spec, ProbeSpec):
        _probe(job.spec, context, device, keeper)
    else:
        _distill(job, job.spec, wanted, context, device, keeper)


class _Keeper:
    """A recorder that shows rows as events and commits results to the store."""

    def __init__(self, job: Job, context: Context, exact: numerics.Numerics, device: torch.device) -> None:
        self.job, self.context, self.exact, self.device = job, context, exact, device
        self.clock, self.opening = time.monotonic(), 0.0

    def begin(self) -> None:
        """Data and weights are there; from here on time is the stage's own."""
        self.opening, self.clock = time.monotonic() - self.clock, time.monotonic()

    def row(self, row: Row) -> None:
        self.context.emit({"event": "row", "key": self.job.key, "row": row})

    def result(self, result: Result) -> None:
        artifact = Artifact(self.job.kind, self.job.key, result.step)
        files = {
            "config.json": identity.dumps(self.job.spec).encode(),
            "metrics.jsonl": "".join(_line(row) for row in result.rows).encode(),
            "provenance.json": json.dumps(self._provenance()).encode(),
        }
        files |= {f"{name}.safetensors": tensors(t) for name, t in result.weights.items()}
        if result.state is not None:
            # Before the snapshot: a snapshot that ends a job always has its state beside it.
            state = {"state.safetensors": tensors(result.state)}
            self._commit(Artifact("state", self.job.key, result.step), state, result.status)
        self._commit(artifact, files, result.status)
        self.context.emit({"event": "artifact", "key": artifact.key, "step": artifact.step})
        self.clock, self.opening = time.monotonic(), 0.0

    def _commit(self, artifact: Artifact, files: dict[str, bytes], status: str) -> None:
        seconds = time.monotonic() - self.clock
        self.context.store.commit(artifact, files, status=status, seconds=seconds, numerics=self.exact.digest)

    def _provenance(self) -> dict[str, Any]:
        spent = time.monotonic() - self.clock
        return {
            "versions": {name: version(name) for name in VERSIONS},
            "python": platform.python_version(),
            "host": platform.node(),
            "numerics": vars(self.exact),
            "loader": self.context.loader,
            "began": time.time() - spent,
            "seconds": spent,
            "opening_seconds": self.opening,
        }


def _line(row: Row) -> str:
    """A JSON line; what is not finite has no spelling in JSON and becomes null."""
    finite = {k: None if v != v or v in (_INF, -_INF) else v for k, v in row.items()}
    return json.dumps(finite, allow_nan=False) + "\n"


_INF = float("inf")


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


def _distill(
    job: Job,
    spec: DistillSpec,
    wanted: list[Artifact],
    context: Context,
    device: torch.device,
    keeper: _Keeper,
) -> None:
    """Run from the last kept state before each missing snapshot, so that nothing is done twice."""
    data = open_samples(spec.samples, "train", context, device)
    indices = indices_of(data, spec.samples)
    missing = {a.step: job.steps[a.step] for a in wanted if a.step is not None}
    for begin, steps in _segments(sorted(missing), kept_states(context.store, job.key)):
        resume = _resume(context.store, job.key, begin) if begin else None
        part = {step: missing[step] for step in steps}
        keeper.begin()
        distill(spec, part, data, indices, device, keeper, resume=resume, cache=context.features)


def kept_states(store: Store, key: str) -> list[int]:
    """Steps from which a trajectory can go on: both its snapshot and its state are committed."""
    states = [a for a in store.find(key) if a.kind == "state" and a.step is not None]
    return [a.step for a in states if a.step and store.has(replace(a, kind="distill"))]


def _segments(missing: list[int], states: list[int]) -> list[tuple[int, list[int]]]:
    """(step to begin at, steps to reach): each missing step from the nearest kept state before it."""
    segments: list[tuple[int, list[int]]] = []
    for step in missing:
        begin = max((state for state in states if state <= step), default=0)
        if segments and begin <= segments[-1][1][-1]:
            segments[-1][1].append(step)
        else:
            segments.append((begin, [step]))
    return segments


def _resume(store: Store, key: str, step: int) -> Resume:
    snapshot = Artifact("distill", key, step)
    state = store.weights(replace(snapshot, kind="state"), "state")
    return step, store.rows(snapshot), store.weights(snapshot, "encoder"), state


def _probe(spec: ProbeSpec, context: Context, device: torch.device, keeper: _Keeper) -> None:
    encoder = encoder_of(spec, context, device)
    train = open_samples(spec.samples, "train", context, device)
    test = open_samples(spec.samples, "test", context, device)
    assert train.labels is not None and test.labels is not None
    indices = {
        "train": indices_of(train, spec.samples),
        "val": held_out(train.labels, spec.samples.holdout),
        "test": balanced(test.labels, spec.test_count),
    }
    keeper.begin()
    probe(spec, encoder, train, test, indices, device, keeper)


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
    encoder.load_state_dict(context.store.weights(snapshot, "encoder"))
    return to_device(encoder.requires_grad_(False), device).eval()


def indices_of(data: Split, samples: Samples) -> np.ndarray:
    """Which of a split's samples are used: class-balanced and nested in their number."""
    if data.labels is None:
        return np.arange(samples.count)
    return balanced(data.labels, samples.count, samples.holdout)
