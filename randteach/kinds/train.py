"""Supervised training, of tickets under their masks and of the children of a checkpoint."""

from randteach.config.labels import label
from randteach.kinds.cost import FLOAT, Cost
from randteach.kinds.inputs import Inputs
from randteach.kinds.kind import Curve, Kind, Labels, Number, Rows
from randteach.specs import Snapshot, TrainSpec
from randteach.stages.recorder import Recorder


def _run(spec: TrainSpec, inputs: Inputs, recorder: Recorder) -> None:
    from randteach.stages.train import begins, train

    data, indices = inputs.samples(spec.samples)
    test = inputs.held(spec.samples, "test", spec.test_count)
    also = ("classifier",) if begins(spec) else ()
    start = inputs.network(spec.start, spec.samples.size, *also)
    if spec.momentum and isinstance(spec.start, Snapshot):
        start |= inputs.state(spec.start)
    masks = inputs.mask(spec.mask)
    for state, steps in inputs.parts(begins(spec)):
        train(spec, steps, start, masks, data, indices, test, inputs.device, recorder, resume=state)


def _by_round(labels: Labels, rows: Rows, hangs: bool) -> Curve | None:
    """A ticket's test error by round."""
    if not hangs or "round" not in labels:
        return None
    last = [row for row in rows if row["split"] == "test"][-1:]
    last = [{"step": labels["round"], "error": row["error"], "loss": row["loss"]} for row in last]
    names = [labels.get("control") or "tickets"]
    names += [f"from epoch {label(labels['at'])}"] if "at" in labels else []
    names += [f"rewound to {label(labels['rewind'])}"] if "rewind" in labels else []
    return Curve(last, 0, tuple(names))


def _cost(spec: TrainSpec) -> Cost:
    """A snapshot is the encoder, and beside all but the last lies its momentum."""
    about = (spec.start.net, None, spec.samples.channels, spec.samples.size)
    return Cost(*about, lambda encoder, head, n: FLOAT * encoder * (2 * n - 1), spec.train.batch_size)


TRAIN = Kind(
    "train",
    TrainSpec,
    _run,
    (Number("error", "%", splits=("train", "test")), Number("loss", "nats", splits=("train", "test"))),
    title="training",
    resources="train",
    gpu=True,
    curve=_by_round,
    cost=_cost,
)
