"""What a stage hands over while it runs; where that goes is not the stage's business."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

Row = dict[str, Any]
Tensors = Mapping[str, torch.Tensor]

# Statuses of a result. A diverged or unmoved student is a result, not an error.
OK, DIVERGED, UNMOVED = "ok", "diverged", "unmoved"
SKIPPED = "skipped: parent diverged"  # what hangs below a diverged student


@dataclass(frozen=True)
class Result:
    """What a stage has made: metric rows, weights by file name, and how it ended.

    `step` is set for a snapshot of a trajectory; `state` is what a longer training continues from.
    """

    rows: list[Row]
    weights: Mapping[str, Tensors] = field(default_factory=dict)
    status: str = OK
    step: int | None = None
    state: Tensors | None = None


class Recorder(Protocol):
    """Receives rows for the eyes as they arise, and results to keep."""

    def row(self, row: Row) -> None:
        """A metric row, live; the same row comes again in the result."""

    def result(self, result: Result) -> None:
        """A result to commit."""
