"""Distillation: students on their way from their start."""

from randteach.kinds.cost import FLOAT, Cost
from randteach.kinds.inputs import Inputs
from randteach.kinds.kind import Kind, Number
from randteach.kinds.opening import with_head
from randteach.specs import DistillSpec, Draw
from randteach.stages.recorder import Recorder


def _run(spec: DistillSpec, inputs: Inputs, recorder: Recorder) -> None:
    """Run from the last kept state before each missing snapshot, so that nothing is done twice."""
    from randteach.stages.distill import distill

    data, indices = inputs.samples(spec.samples)
    weights = None
    if not isinstance(spec.teacher, Draw):
        weights = with_head(spec.teacher, spec.head, spec.samples.size, inputs)
    for state, steps in inputs.parts():
        distill(
            spec,
            steps,
            data,
            indices,
            inputs.device,
            recorder,
            resume=state,
            cache=inputs.features,
            teacher=weights,
            states=inputs.states,
        )


def _cost(spec: DistillSpec) -> Cost:
    """A snapshot is the encoder; the last one's state is the head and two moments of both."""
    about = (spec.teacher.net, spec.head, spec.samples.channels, spec.samples.size)
    return Cost(
        *about, lambda encoder, head, n: FLOAT * (encoder * (n + 2) + 3 * head), spec.distill.batch_size
    )


DISTANCES = (f"distance_{of}_{part}" for of in ("start", "teacher") for part in ("encoder", "head"))
DISTILL = Kind(
    "distill",
    DistillSpec,
    _run,
    (
        Number("loss", "nats", learnt=True),
        Number("kl", "nats", learnt=True),
        *(Number(name, "L2") for name in DISTANCES),
    ),
    resources="distill",
    gpu=True,
    has_run=True,
    every_step=True,
    cost=_cost,
)
