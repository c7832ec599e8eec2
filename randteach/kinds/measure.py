"""Measures of frozen features beside the probes."""

from randteach.kinds.inputs import Inputs
from randteach.kinds.kind import Kind, Number
from randteach.kinds.probe import along_training
from randteach.specs import MEASURES, MeasureSpec
from randteach.stages.recorder import Recorder


def _run(spec: MeasureSpec, inputs: Inputs, recorder: Recorder) -> None:
    from randteach.stages.measure import measure

    encoder = inputs.encoder(spec.reference, spec.samples.size)
    train, test, indices = inputs.labelled(spec.samples, spec.test_count)
    inputs.ready()
    measure(spec, encoder, train, test, indices, inputs.device, recorder)


MEASURE = Kind(
    "measure",
    MeasureSpec,
    _run,
    tuple(Number(measure.tag, "%", ("test", "val")) for measure in MEASURES),
    title="converged probe",
    resources="probe",
    of_features=True,
    curve=along_training,
)
