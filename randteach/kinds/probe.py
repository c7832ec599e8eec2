"""Probes of frozen features."""

from randteach.kinds.inputs import Inputs
from randteach.kinds.kind import Curve, Kind, Labels, Number, Rows
from randteach.specs import ProbeSpec
from randteach.stages.recorder import Recorder


def _run(spec: ProbeSpec, inputs: Inputs, recorder: Recorder) -> None:
    from randteach.stages.probe import probe

    encoder = inputs.encoder(spec.reference, spec.samples.size)
    train, test, indices = inputs.labelled(spec.samples, spec.test_count, spec.normalised_by)
    inputs.ready()
    probe(spec, encoder, train, test, indices, inputs.device, recorder)


def along_training(labels: Labels, rows: Rows, hangs: bool) -> Curve | None:
    """Accuracies of a student's features along its training."""
    return Curve(rows, labels.get("step") or 0, (labels["probed_on"],)) if hangs else None


PROBE = Kind(
    "probe",
    ProbeSpec,
    _run,
    tuple(
        Number(name, "%", title, splits=("test", "val"))
        for name, title in (
            ("linear", "linear probe"),
            ("linear_std", "linear probe, standardised"),
            ("knn", "kNN probe"),
        )
    ),
    resources="probe",
    of_features=True,
    curve=along_training,
)
