"""The recorder that a stage hands rows, results and states to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

Row = dict[str, Any]
Tensors = Mapping[str, torch.Tensor]

# Statuses of a result. A diverged or unmoved student is a result, not an error.
OK, DIVERGED, UNMOVED = "ok", "diverged", "unmoved"
NOT_CONVERGED = "not converged"  # a measure without a number
SKIPPED = "skipped: parent diverged"  # what hangs below a diverged student


def part(name: str, tensors: Tensors) -> dict[str, torch.Tensor]:
    """Those tensors whose names begin with a part's, as in `encoder.`, without it."""
    prefix = f"{name}."
    return {full.removeprefix(prefix): value for full, value in tensors.items() if full.startswith(prefix)}


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


@dataclass(frozen=True)
class State:
    """All that a training needs to go on from a step, bit for bit: rows so far, tensors by name.

    `numerics` is what decided its bits until then; nothing where a stage hands it over.
    """

    step: int
    rows: list[Row]
    tensors: Tensors
    numerics: str = ""


class Recorder(Protocol):
    """Receives rows for the eyes as they arise, and results and states to keep."""

    def row(self, row: Row) -> None:
        """A metric row, live; the same row comes again in the result."""

    def result(self, result: Result) -> None:
        """A result to commit."""

    def pause(self, state: Callable[[], State] | None = None) -> None:
        """Called between steps: keeps the state when it is time to; Stopped where the stage is to end."""
