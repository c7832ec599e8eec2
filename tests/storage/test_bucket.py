"""A store in a bucket of a real S3 server, with every fault between them that a network has."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from randteach import storage
from randteach.errors import Damaged, UserError
from randteach.identity.artifact import Artifact
from randteach.storage import bucket, copies, s3
from randteach.storage.bucket import Bucket
from randteach.store.artifacts import folder
from randteach.store.store import Store
from tests.buckets import FAULTS, Proxy
from tests.store.test_store import PROBE, alter, commit, files_of, flip

RACES = 8


@pytest.fixture
def proxy(s3: str, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Between the server and all clients opened from here on, which are not kept waiting."""
    with Proxy(s3_server) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.address)
        monkeypatch.setattr(bucket, "FIRST", 0.01)
        yield between


@pytest.fixture
def place(s3: str, proxy: Proxy) -> Bucket:
    found = storage.opened(s3)
    assert isinstance(found, Bucket)
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_that_fails_is_made_again(
    place: Bucket, proxy: Proxy, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "READ", 0.3)
    proxy.delay = 0.6
    content = os.urandom(300_000)
    place.create("there/already", b"1")
    for method, ask in {
        "PUT": lambda: place.write("a/b", content),
        "GET": lambda: place.read("a/b") == content,
        "HEAD": lambda: place.exists("a/b"),
        "DELETE": lambda: place.remove("a/b.json"),
    }.items():
        proxy.once(fault, method)
        assert ask() in (True, None)
        assert proxy.injected[fault] == 1, method
        proxy.injected.clear()
    for ask in (lambda: place.names("a") == ["b"], lambda: list(place.walk("a", 1)) == ["b"]):
        proxy.once(fault, "GET", "list-type")
        assert ask() and proxy.injected[fault] == 1
        proxy.injected.clear()
    # Created once, and not again, whatever became of the answer.
    proxy.once(fault, "PUT")
    place.create("a/new", b"mine")
    proxy.once(fault, "PUT")
    with pytest.raises(FileExistsError):
        place.create("there/already", b"2")
    assert proxy.injected[fault] == 2 and place.read("a/new") == b"mine"


def test_of_two_conditional_puts_at_once_one_is_told_to_wait(place: Bucket, proxy: Proxy) -> None:
    proxy.once("409", "PUT", times=2)
    place.create("a/new", b"mine")
    assert proxy.injected["409"] == 2 and place.read("a/new") == b"mine"


def test_patience_ends(s3: str, place: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "TIMES", 3)
    store = Store(s3)
    proxy.once("503", "PUT", times=100)
    with pytest.raises(OSError, match=f"{s3}/a/b: tried 3 times, the last time: 503 SlowDown: .*reduce"):
        place.write("a/b", b"")
    assert proxy.seen["PUT"] == 3
    with pytest.raises(UserError, match=f"--store {s3}: can't write there .*tried 3 times"):
        store.prepare()
    with pytest.raises(OSError, match="tried 3 times"):
        commit(store)
    proxy.choose = lambda method, path: ""
    assert list(files_of(store)) == []  # nothing half written
    proxy.once("lost answer", "PUT", "/done/", times=100)
    with pytest.raises(OSError, match="tried 3 times"):
        commit(store)
    proxy.choose = lambda method, path: ""
    assert store.has(PROBE) and not list(store.abandoned(PROBE, lambda session: False))
    store.verify(PROBE)  # its commit was there all the same, and so its files stayed


def test_what_another_client_puts_is_seen_at_once(s3: str, place: Bucket) -> None:
    """Listings are never kept."""
    other = Store(s3)
    store = Store(s3)
    for number in range(3):
        artifact = Artifact("probe", f"{number:024d}")
        assert not store.has(artifact) and len(store.done("probe")) == number
        assert len(list(store.find("00"))) == number and len(place.names("done/probe/00")) == number
        assert commit(other, artifact)
        assert store.has(artifact) and len(store.done("probe")) == number + 1
        assert len(list(store.find("00"))) == number + 1


@pytest.mark.parametrize("share", [0.0, 0.15], ids=["undisturbed", "disturbed"])
def test_of_many_commits_at_once_one_wins(s3: str, proxy: Proxy, share: float) -> None:
    """By clients of their own, with faults at random: each knows whether it has won."""
    proxy.delay = 0.1
    proxy.at_random(1, share)
    stores = [Store(s3) for _ in range(4)]
    for number in range(RACES):
        artifact, won = Artifact("probe", f"{number:024d}"), dict.fromkeys(range(len(stores)), False)
        go = threading.Barrier(len(stores))

        def attempt(who: int, artifact: Artifact = artifact, won: Any = won, go: Any = go) -> None:
            go.wait()
            won[who] = commit(stores[who], artifact, {"who": b"%d" % who})

        threads = [threading.Thread(target=attempt, args=(who,)) for who in won]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = (who for who, first in won.items() if first)
        assert stores[0].read(artifact, "who") == b"%d" % winner
    proxy.choose = lambda method, path: ""
    assert len(files_of(stores[0], "objects")) == len(files_of(stores[0], "done")) == RACES
    assert bool(proxy.injected) == bool(share)


def test_a_server_without_conditional_puts_is_refused(s3: str, proxy: Proxy) -> None:
    proxy.forgets = {"If-None-Match"}
    with pytest.raises(UserError, match=f"--store {s3}: objects can't be created exclusively"):
        Store(s3).prepare()
    assert not list(files_of(Store(s3)))


def test_a_place_that_is_not_there(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="--store s3://no-such-bucket/x: there is no such bucket"):
        Store("s3://no-such-bucket/x").prepare()
    with pytest.raises(UserError, match=f"--store {s3}: there is no store"):
        Store(s3).check_there()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UserError, match=f"--store {s3}: can't be read .*credentials"):
        Store(s3).check_format()


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"--store gs://b: needs gcsfs, .*pip install 'randteach\[gs\]'"):
        Store("gs://b")


def test_a_copy_is_read_where_it_is_whole(s3: str, proxy: Proxy, tmp_path: Path) -> None:
    store = Store(s3)
    commit(store)
    name = f"{folder(PROBE)}/{store.commit_of(PROBE).attempt}/metrics.jsonl"
    rows = store.rows(PROBE)
    copy = tmp_path / "caches" / "randteach" / "store" / s3.replace("://", "/") / name
    assert copy.read_bytes() == store.storage.read(name)
    before = proxy.seen["GET"]
    assert store.rows(PROBE) == rows and proxy.seen["GET"] - before == 2  # the commit, for each file
    copy.write_bytes(flip(copy.read_bytes()))
    assert store.rows(PROBE) == rows and copy.read_bytes() == store.storage.read(name)  # fetched anew
    alter(store, name, flip)
    assert store.rows(PROBE) == rows
    with pytest.raises(Damaged, match="not what was written"):
        store.verify(PROBE)  # looks at the file itself
    copy.unlink()
    with pytest.raises(Damaged, match="not what was written") as found:
        store.rows(PROBE)
    store.set_aside(found.value)
    assert not store.has(PROBE) and commit(store) and store.rows(PROBE) == rows


def test_copies_take_no_more_than_their_room(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "ROOM", 2500)
    monkeypatch.setattr(copies, "LOOK", 1)
    kept = copies.Copies(s3)
    for number in range(5):
        kept.put(f"a/{number}", bytes(1000))
        path = kept.root / "a" / str(number)
        os.utime(path, (number, number))
    kept.put("a/5", bytes(100))
    assert [number for number in range(6) if kept.get(f"a/{number}")] == [3, 4, 5]


def test_a_forked_process_has_a_client_of_its_own(s3: str, place: Bucket) -> None:
    place.write("a", b"1")
    child = os.fork()
    if not child:
        os._exit(0 if place.read("a") == b"1" else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_many_objects_are_listed_and_removed(place: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one request lists or deletes."""
    monkeypatch.setattr(Bucket, "together", 7)
    for number in range(30):
        place.write(f"many/{number % 2}/{number}", b"")
    assert len(list(place.walk("many", 2))) == 30 and place.names("many") == ["0", "1"]
    assert sorted(place.walk("many", 1)) == ["0", "1"]
    place.write("many-more/x", b"")
    place.remove("many")
    assert list(place.walk("many", 2)) == [] and place.exists("many-more/x")
