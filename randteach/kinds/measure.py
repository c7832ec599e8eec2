"""Measures of frozen features beside the probes."""

from randteach.kinds.inputs import Inputs
from randteach.kinds.kind import Kind, Number
from randteach.kinds.probe import along_training
from randteach.specs import MeasureSpec
from randteach.stages.measures import MEASURES
from randteach.stages.recorder import Recorder


def _run(spec: MeasureSpec, inputs: Inputs, recorder: Recorder) -> None:
    from randteach.stages.measure import measure

    encoder = inputs.encoder(spec.reference, spec.samples.size)
    train, test, indices = inputs.labelled(spec.samples, spec.test_count, spec.normalised_by)
    inputs.ready()
    measure(spec, encoder, train, test, indices, inputs.device, recorder)


def _numbers(spec: MeasureSpec | None) -> tuple[Number, ...]:
    """The one that a spec asks for, or those of all measures."""
    found = [MEASURES.find(spec.name)] if spec else MEASURES.values()
    return tuple(Number(one.name, one.unit, one.title, splits=("test", "val")) for one in found)


MEASURE = Kind(
    "measure",
    MeasureSpec,
    _run,
    _numbers,
    title=lambda spec: MEASURES.find(spec.name).called if spec else "converged probe",
    resources="probe",
    of_features=True,
    curve=along_training,
)
