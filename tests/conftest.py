"""Fixtures that several packages' tests share."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from randteach import numerics
from randteach.store import Store
from tests import buckets

# As a sweep sets it, but before any test imports Ray, which reads it once.
os.environ["RAY_AUTH_MODE"] = "token"


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


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server on loopback."""
    with buckets.server() as address:
        yield address


@pytest.fixture
def s3(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in a bucket that nobody else uses, as `--store` takes it."""
    for name, value in buckets.environment(s3_server, tmp_path / "caches").items():
        monkeypatch.setenv(name, value)
    return f"s3://{buckets.BUCKET}/{secrets.token_hex(6)}"


@pytest.fixture(params=["folder", "bucket"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store, of each kind."""
    store = Store(tmp_path / "store" if request.param == "folder" else request.getfixturevalue("s3"))
    store.prepare()
    return store
