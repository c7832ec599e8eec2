"""Who else is at a job, as the queue asks."""

from collections.abc import Callable
from typing import Protocol

from randteach.jobs.job import Job


class Claims(Protocol):
    """Who else is at a job."""

    def take(self, job: Job, waits: Callable[[str], None]) -> bool:
        """Have the job; False where it can't be had now, and `waits` is told why. OSError: for too long."""

    def release(self, key: str) -> None:
        """Give the job up."""


class Free(Claims):
    """Nobody else is at anything."""

    def take(self, job: Job, waits: Callable[[str], None]) -> bool:
        """Every job can be had."""
        return True

    def release(self, key: str) -> None:
        """Nothing to give up."""
