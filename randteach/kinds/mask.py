"""Masks: which weights stay."""

from randteach.kinds.cost import Cost
from randteach.kinds.inputs import Inputs
from randteach.kinds.kind import Kind, Number
from randteach.specs import MaskSpec
from randteach.stages.recorder import Recorder


def _run(spec: MaskSpec, inputs: Inputs, recorder: Recorder) -> None:
    from randteach.stages.mask import mask

    weights = inputs.network(spec.of, spec.size, "classifier") if spec.of else None
    within = inputs.mask(spec.within)
    inputs.ready()
    mask(spec, weights, within, recorder)


def _cost(spec: MaskSpec) -> Cost:
    """A bit a weight."""
    return Cost(spec.net, None, spec.channels, spec.size, lambda encoder, head, n: encoder // 8)


MASK = Kind(
    "mask",
    MaskSpec,
    _run,
    (Number("kept_weights", "weights"), Number("weights", "weights"), Number("empty_layers", "layers")),
    cost=_cost,
)
