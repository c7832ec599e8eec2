"""Points of the plane through a teacher and its students."""

from collections.abc import Callable
from typing import Any

from randteach.kinds.inputs import Inputs
from randteach.kinds.kind import Kind, Number
from randteach.kinds.opening import both, with_head, without_head
from randteach.kinds.probe import PROBE
from randteach.specs import Draw, PlaneSpec
from randteach.stages.recorder import Recorder


def _run(spec: PlaneSpec, inputs: Inputs, recorder: Recorder) -> None:
    from randteach.stages.plane import plane
    from randteach.stages.teacher import frozen

    samples, size = spec.probe.samples, spec.probe.samples.size
    corners = [
        without_head(corner, size, inputs)
        if spec.compared == "embedding"
        else with_head(corner, spec.head, size, inputs)
        for corner in spec.corners
    ]
    train, test = both(samples, spec.probe.test_count, inputs)
    calibrated = inputs.calibration(spec.teacher)
    drawn = isinstance(spec.teacher, Draw)
    weights = None if drawn else with_head(spec.teacher, spec.head, size, inputs)
    teacher = frozen(spec.teacher, spec.head, size, inputs.device, calibrated, weights)
    inputs.ready()
    plane(spec, corners, teacher, train, test, inputs.device, recorder)


def _modes(value: Callable[[str], Any]) -> tuple[str | None, ...]:
    return (value("plane.norm"),)


PLANE = Kind(
    "plane",
    PlaneSpec,
    _run,
    (
        Number("kl", "nats", splits=("train", "test"), modes=_modes),
        *(Number(number.name, "%", splits=("test",), modes=_modes) for number in PROBE.gives()),
        Number("norm", "L2", modes=_modes),
    ),
    resources="plane",
    gpu=True,
)
