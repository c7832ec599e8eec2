"""A measure of a frozen reference's features: one of those that stand beside the paper's probes."""

from collections.abc import Callable, Mapping

import numpy as np
import torch

from loaders import Split
from randteach.errors import NoResult, NotConverged
from randteach.specs import MeasureSpec
from randteach.stages.embed import embedded
from randteach.stages.measures import MEASURES
from randteach.stages.recorder import NOT_CONVERGED, OK, Recorder, Result


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
    splits, status = sorted(set(samples.of) - {"train"}), OK
    values: Mapping[str, float] = dict.fromkeys(splits, np.nan)
    try:
        values = MEASURES.find(spec.name).function(spec.measure, samples, record.pause)
    except NotConverged:
        status = NOT_CONVERGED
    if lacking := [split for split in splits if split not in values]:
        raise NoResult(f"the measure {spec.name} gives no number for {', '.join(lacking)}")
    rows = [{"split": split, spec.name: float(values[split])} for split in splits]
    for row in rows:
        record.row(row)
    record.result(Result(rows, status=status))
