"""Fixtures that several packages' tests share."""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from randteach.environment import numerics
from randteach.store.store import Store
from randteach.tracking import database
from tests import buckets

# As a sweep sets it, but before any test imports Ray, which reads it once.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ.setdefault("RAY_worker_niceness", "0")  # nicer ones starve beside another process of tests
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # two processes with two threads each on two cores wait for each other


@pytest.fixture(scope="session", autouse=True)
def one_migration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run MLflow's migrations once: further databases of this process are copies of the first one."""
    first, make = tmp_path_factory.mktemp("mlflow") / "empty.db", database._make

    def copy(path: Path) -> None:
        if not first.exists():
            make(first)
        shutil.copyfile(first, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_make", copy)
        yield


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
