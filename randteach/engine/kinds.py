"""Each kind of job: its stage, given the samples, weights and masks that its record names."""

from collections.abc import Set
from typing import TYPE_CHECKING

import torch

from randteach import nets
from randteach.engine.inputs import (
    both,
    calibration,
    encoder_of,
    held,
    indices_of,
    labelled,
    mask_of,
    named,
    network,
    open_samples,
    state_of,
)
from randteach.engine.keeper import Keeper
from randteach.engine.resume import parts
from randteach.jobs.job import Job
from randteach.specs import (
    ConnectSpec,
    DistillSpec,
    Draw,
    MaskSpec,
    MeasureSpec,
    Network,
    PlaneSpec,
    ProbeSpec,
    Snapshot,
    TrainSpec,
)
from randteach.stages.connect import connect
from randteach.stages.distill import distill
from randteach.stages.embed import drawn_encoder
from randteach.stages.mask import mask
from randteach.stages.measure import measure
from randteach.stages.plane import plane
from randteach.stages.probe import probe
from randteach.stages.recorder import Tensors
from randteach.stages.teacher import frozen
from randteach.stages.train import begins, train

if TYPE_CHECKING:
    from randteach.engine.execute import Context


def run(job: Job, steps: Set[int | None], context: "Context", keeper: Keeper) -> None:
    """Run the job's stage, a trajectory's for the steps that are missing."""
    match job.spec:
        case DistillSpec():
            _distill(job, job.spec, steps, context, keeper)
        case ProbeSpec():
            _probe(job.spec, context, keeper)
        case MeasureSpec():
            _measure(job.spec, context, keeper)
        case TrainSpec():
            _train(job, job.spec, steps, context, keeper)
        case MaskSpec():
            _mask(job.spec, context, keeper)
        case ConnectSpec():
            _connect(job.spec, context, keeper)
        case PlaneSpec():
            _plane(job.spec, context, keeper)


def _distill(job: Job, spec: DistillSpec, steps: Set[int | None], context: "Context", keeper: Keeper) -> None:
    """Run from the last kept state before each missing snapshot, so that nothing is done twice."""
    data = open_samples(spec.samples, "train", context, keeper.device)
    indices = indices_of(data, spec.samples)
    drawn = isinstance(spec.teacher, Draw)
    weights = None if drawn else with_head(spec.teacher, spec, context, keeper.device)
    for state, part in parts(context.store, job, steps):
        keeper.begin(state.step if state else 0, state.numerics if state else "")
        distill(
            spec,
            part,
            data,
            indices,
            keeper.device,
            keeper,
            resume=state,
            cache=context.features,
            teacher=weights,
            states=job.states,
        )


def _probe(spec: ProbeSpec, context: "Context", keeper: Keeper) -> None:
    encoder = encoder_of(spec, context, keeper.device)
    train, test, indices = labelled(spec.samples, spec.test_count, context, keeper.device)
    keeper.begin()
    probe(spec, encoder, train, test, indices, keeper.device, keeper)


def _measure(spec: MeasureSpec, context: "Context", keeper: Keeper) -> None:
    encoder = encoder_of(spec, context, keeper.device)
    train, test, indices = labelled(spec.samples, spec.test_count, context, keeper.device)
    keeper.begin()
    measure(spec, encoder, train, test, indices, keeper.device, keeper)


def _train(job: Job, spec: TrainSpec, steps: Set[int | None], context: "Context", keeper: Keeper) -> None:
    data = open_samples(spec.samples, "train", context, keeper.device)
    indices = indices_of(data, spec.samples)
    test = held(spec.samples, "test", spec.test_count, context, keeper.device)
    start = network(spec.start, spec.samples.size, context, *(("classifier",) if begins(spec) else ()))
    if spec.momentum and isinstance(spec.start, Snapshot):
        start |= state_of(spec.start, context)
    masks = mask_of(spec.mask, context)
    for state, part in parts(context.store, job, steps, begins(spec)):
        keeper.begin(state.step if state else begins(spec), state.numerics if state else "")
        train(spec, part, start, masks, data, indices, test, keeper.device, keeper, resume=state)


def _mask(spec: MaskSpec, context: "Context", keeper: Keeper) -> None:
    weights = network(spec.of, spec.size, context, "classifier") if spec.of else None
    within = mask_of(spec.within, context)
    keeper.begin()
    mask(spec, weights, within, keeper)


def _connect(spec: ConnectSpec, context: "Context", keeper: Keeper) -> None:
    one, other = (network(end, spec.samples.size, context, "classifier") for end in spec.ends)
    train, test = both(spec.samples, spec.test_count, context, keeper.device)
    keeper.begin()
    connect(spec, (one, other), train, test, keeper.device, keeper)


def _plane(spec: PlaneSpec, context: "Context", keeper: Keeper) -> None:
    corners = [with_head(corner, spec, context, keeper.device) for corner in spec.corners]
    train, test = both(spec.probe.samples, spec.probe.test_count, context, keeper.device)
    calibrated = calibration(spec.teacher, context, keeper.device)
    drawn = isinstance(spec.teacher, Draw)
    weights = None if drawn else with_head(spec.teacher, spec, context, keeper.device)
    size = spec.probe.samples.size
    teacher = frozen(spec.teacher, spec.head, size, keeper.device, calibrated, weights)
    keeper.begin()
    plane(spec, corners, teacher, train, test, keeper.device, keeper)


def with_head(
    reference: Network, spec: DistillSpec | PlaneSpec, context: "Context", device: torch.device
) -> Tensors:
    """Weights of an encoder and of the head that it was trained, or drawn, with."""
    size = spec.samples.size if isinstance(spec, DistillSpec) else spec.probe.samples.size
    found = network(reference, size, context)
    if isinstance(reference, Draw):
        if seen := calibration(reference, context, device):
            found |= named("encoder", drawn_encoder(reference, size, device, seen).state_dict())
        dim = nets.embedding_dim(reference.net, size)
        head = nets.draw_head(spec.head, dim, reference.role, reference.seed)
        return found | named("head", head.state_dict())
    state = state_of(reference, context)
    return found | {name: value for name, value in state.items() if name.startswith("head.")}
