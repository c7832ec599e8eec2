"""The miniature study on a store in a bucket, with faults: the same table, and nothing half made to see."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from randteach.identity.artifact import Artifact
from randteach.store.store import Store
from tests.buckets import Proxy, environment
from tests.faults.harness import Sweep

pytestmark = pytest.mark.slow
SHARE = 0.05  # of all requests fail


class Reader(threading.Thread):
    """Lists all commits again and again, and reads all of each artifact as soon as it is seen."""

    def __init__(self, store: Store) -> None:
        super().__init__(daemon=True)
        self.store, self.ended = store, threading.Event()
        self.seen: set[Artifact] = set()
        self.rounds = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.ended.is_set():
            for artifact in set(self.store.all()) - self.seen:
                try:
                    self.store.verify(artifact)
                except Exception as error:  # whatever a reader may meet
                    self.wrong.append(f"{artifact}: {error!r}")
                self.seen.add(artifact)
            self.rounds += 1
            time.sleep(0.05)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of the study on a folder, undisturbed."""
    sweep = Sweep(tmp_path_factory.mktemp("folder"))
    assert sweep.run() == 0, sweep.said
    return sweep.results


@pytest.fixture
def proxy(s3_server: str) -> Iterator[Proxy]:
    with Proxy(s3_server) as between:
        yield between


@pytest.mark.parametrize("ray", [False, True], ids=["local", "ray"])
def test_the_table_is_the_same_whatever_fails(
    s3: str, proxy: Proxy, tmp_path: Path, table: bytes, ray: bool
) -> None:
    proxy.at_random(2 + ray, SHARE)
    sweep = Sweep(tmp_path / "out")
    sweep.environment = environment(proxy.address, tmp_path / "caches")
    reader = Reader(Store(s3))
    reader.start()
    assert sweep.run("--store", s3, ray=ray) == 0, sweep.said
    proxy.choose = lambda method, path: ""
    again = Sweep(tmp_path / "again", environment=sweep.environment)
    assert again.run("--store", s3) == 0 and "0 missing" in again.said, again.said
    reader.ended.set()
    reader.join()
    requests, faults = sum(proxy.seen.values()), dict(sorted(proxy.injected.items()))
    print(f"{requests} requests, faults {faults}, {len(reader.seen)} artifacts in {reader.rounds} looks")
    assert sweep.results == again.results == table
    assert not reader.wrong and reader.seen == set(reader.store.all())
    assert len(faults) == 6 and reader.rounds > 10
    assert {len(attempts) for attempts in reader.store.attempts().values()} == {1}
    left = [name for folder in ("work", "sessions") for name in reader.store.storage.names(folder)]
    assert not left
    if ray:  # once is enough for what is done with a finished store
        commands(sweep, s3, tmp_path / "x.tar")


def commands(sweep: Sweep, s3: str, archive: Path) -> None:
    for command in (["verify"], ["gc"], ["status"], ["ls"], ["export", "init_distance", str(archive)]):
        assert sweep.command(*command, "--store", s3) == 0, sweep.said
        assert command != ["gc"] or "nothing to remove" in sweep.said
    assert sweep.command("import", str(archive), "--store", f"{s3}-other") == 0, sweep.said
    assert "24 artifacts taken" in sweep.said
