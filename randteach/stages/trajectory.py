"""A training, epoch by epoch: what distillation and supervised training have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence, Set
from contextlib import closing
from itertools import islice

import torch

from loaders import Batch, Reader
from randteach.stages.recorder import DIVERGED, Recorder, Result, Row, State, Tensors


class Trajectory(ABC):
    """Position, metric rows, and sums over the epoch so far; what a step is, the stage says."""

    reader: Reader
    step: int
    rows: list[Row]
    totals: torch.Tensor

    def follow(self, steps: Sequence[int], record: Recorder, states: Set[int]) -> None:
        """Train until the last of `steps`, with a result at each of them; its row says where one diverges.

        What a longer training goes on from comes with the last result and with those at `states`.
        """
        last = max(steps)
        with closing(self.reader):
            while True:
                if self.step in steps:
                    record.result(self.result(self.step == last or self.step in states))
                if self.step >= last:
                    return
                record.pause(self.state)
                row = self.advance(min(step for step in steps if step > self.step), record)
                record.row(row)
                if row.get("diverged_at"):
                    for step in sorted(step for step in steps if step >= self.step):
                        state: Tensors | None = {} if step in states else None  # nothing goes on from here
                        record.result(Result(self.rows, status=DIVERGED, step=step, state=state))
                    return

    def advance(self, pause: int, record: Recorder) -> Row:
        """Train to `pause` or the end of the epoch, whichever comes first, and take stock."""
        epoch, done = divmod(self.step, len(self.reader))
        end = min(pause, self.step - done + len(self.reader))
        # Rows of an epoch's middle belong to the snapshot there alone.
        self.rows = [row for row in self.rows if row["step"] % len(self.reader) == 0]
        self._begin(epoch)
        for batch in islice(self.reader.epoch(epoch, start=done), end - self.step):
            self.update(*self._prepare(batch, epoch, done))
            done += 1
            self.step += 1
            if self.step < end:
                record.pause(self.state)
        self.rows.append(self._row(done))
        if done == len(self.reader):
            self.totals.zero_()
        return self.rows[-1]

    def place(self) -> Row:
        """The step, and the epochs that it is."""
        epoch = self.step / len(self.reader)
        return {"step": self.step, "epoch": int(epoch) if epoch.is_integer() else epoch}

    @abstractmethod
    def result(self, whole: bool) -> Result:
        """The snapshot at this step; a whole one comes with all that a longer training needs."""

    @abstractmethod
    def state(self) -> State:
        """All that is needed to go on from this step."""

    def _begin(self, epoch: int) -> None:  # noqa: B027 - distillation has nothing to do here
        """An epoch begins, or goes on."""

    @abstractmethod
    def _prepare(self, batch: Batch, epoch: int, number: int) -> tuple[torch.Tensor, ...]:
        """A step's inputs, on the device: what the host does for it."""

    @abstractmethod
    def update(self, *tensors: torch.Tensor) -> None:
        """One step on the device, which the host does not wait for."""

    @abstractmethod
    def _row(self, done: int) -> Row:
        """Means over the epoch's `done` batches; the one place where the host waits for the device."""
