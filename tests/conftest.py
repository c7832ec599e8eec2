"""Fixtures that several packages' tests share."""

from collections.abc import Iterator

import pytest
import torch

from randteach import numerics


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Compute as a job with one CPU does, and give the process its threads back."""
    threads = torch.get_num_threads()
    numerics.set_up(1, 0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def threads() -> Iterator[None]:
    """For tests that run jobs in this process, which set its threads to their slot's."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
