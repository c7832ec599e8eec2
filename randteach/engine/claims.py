"""Claims: which jobs other sweeps are working on."""

from collections.abc import Callable
from typing import Protocol

from randteach.jobs.job import Job


class Claims(Protocol):
    """Which jobs are taken."""

    def take(self, job: Job, waits: Callable[[str], None]) -> bool:
        """Claim a job; False if another sweep has it, and `waits` hears why. OSError: for too long."""

    def release(self, key: str) -> None:
        """Give the job up."""


class Free(Claims):
    """No other sweep works on this store."""

    def take(self, job: Job, waits: Callable[[str], None]) -> bool:
        """Every job can be had."""
        return True

    def release(self, key: str) -> None:
        """Nothing to give up."""
