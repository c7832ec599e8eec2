"""Lines between the children of a checkpoint."""

from collections.abc import Callable
from typing import Any

from randteach.kinds.inputs import Inputs
from randteach.kinds.kind import Curve, Kind, Labels, Number, Rows
from randteach.kinds.opening import both
from randteach.specs import ConnectSpec
from randteach.stages.recorder import Recorder


def _run(spec: ConnectSpec, inputs: Inputs, recorder: Recorder) -> None:
    from randteach.stages.connect import connect

    one, other = (inputs.network(end, spec.samples.size, "classifier") for end in spec.ends)
    train, test = both(spec.samples, spec.test_count, inputs)
    inputs.ready()
    connect(spec, (one, other), train, test, inputs.device, recorder)


def _modes(value: Callable[[str], Any]) -> tuple[str | None, ...]:
    return ("interpolated", "reestimated") if value("net.norm") == "batch" else ("none",)


def _by_epoch(labels: Labels, rows: Rows, hangs: bool) -> Curve | None:
    """Barriers by the epoch of the student that has the children."""
    barriers = [row for row in rows if "barrier_error" in row]
    return Curve(barriers, int(labels.get("at") or 0), (f"barrier {labels['pair']}",))


CONNECT = Kind(
    "connect",
    ConnectSpec,
    _run,
    (
        *(
            Number(name, unit, splits=("train", "test"), modes=_modes)
            for name, unit in (
                ("error", "%"),
                ("loss", "nats"),
                ("barrier_error", "points of error"),
                ("barrier_loss", "nats"),
            )
        ),
        Number("distance", "L2"),
        Number("cosine", "1"),
    ),
    title="line between children",
    resources="connect",
    gpu=True,
    curve=_by_epoch,
)
