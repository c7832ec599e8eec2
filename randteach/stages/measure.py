"""A measure of a frozen reference's features: one of those that stand beside the paper's probes."""

from collections.abc import Callable

import numpy as np
import torch

from loaders import Split
from randteach.errors import NotConverged
from randteach.specs import Logistic, Measure, MeasureSpec
from randteach.stages.embed import Features, embedded
from randteach.stages.logistic import logistic
from randteach.stages.recorder import NOT_CONVERGED, OK, Recorder, Result

Function = Callable[[Measure, Features, Callable[[], None]], dict[str, float]]
# A measure's parameters, and what takes them to a number by split.
FUNCTIONS: dict[type[Measure], Function] = {Logistic: logistic}


def measure(
    spec: MeasureSpec,
    encoder: Callable[[torch.Tensor], torch.Tensor],
    train: Split,
    test: Split,
    indices: dict[str, np.ndarray],
    device: torch.device,
    record: Recorder,
) -> None:
    """The measure on `test` and, if asked for, `val`; no number, and the status, where it doesn't converge.

    `indices` are the samples of "train", "test" and "val", the last ones held out of `train`.
    """
    samples = embedded(encoder, train, test, indices, device)
    values = dict.fromkeys(sorted(set(samples.of) - {"train"}), np.nan)
    status = OK
    try:
        values |= FUNCTIONS[type(spec.measure)](spec.measure, samples, record.pause)
    except NotConverged:
        status = NOT_CONVERGED
    rows = [{"split": split, spec.measure.tag: value} for split, value in values.items()]
    for row in rows:
        record.row(row)
    record.result(Result(rows, status=status))
