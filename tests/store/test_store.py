"""Artifacts: committed once and whole, or not at all; verified when read."""

import errno
import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from randteach import identity
from randteach.environment import disk
from randteach.environment.disk import ensure_writable
from randteach.errors import Damaged, UserError
from randteach.identity.artifact import Artifact
from randteach.storage.bucket import Bucket
from randteach.storage.folder import Folder
from randteach.store import store as module
from randteach.store.commits import Commit
from randteach.store.store import Store, tensors

KEYS = {identity.digest(f"probe/1/{number}"): str(number).encode() for number in range(3000)}
KEY, CONFIG = next((key, config) for key, config in KEYS.items() if key.startswith("ab"))
PROBE, SNAPSHOT = Artifact("probe", KEY), Artifact("probe", KEY, 79)
FILES = {"config.json": CONFIG, "metrics.jsonl": b'{"a": 1}\n{"a": null}\n'}
NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def commit(store: Store, artifact: Artifact = PROBE, files: dict[str, bytes] = FILES, **about: Any) -> bool:
    return store.commit(artifact, files, **{"status": "ok", "seconds": 1.0, "numerics": "n", **about})


def files_of(store: Store, folder: str = "") -> dict[str, bytes]:
    """All files of a store, temporary ones among them."""
    if isinstance(store.storage, Bucket):
        names = [item.name for item in store.storage.objects(store.storage.prefix)]
    else:
        names = [str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file()]
    return {name: store.storage.read(name) for name in names if name.startswith(folder)}


@pytest.mark.parametrize("artifact", [PROBE, SNAPSHOT], ids=["result", "snapshot"])
def test_what_is_committed_is_read(any_store: Store, artifact: Artifact) -> None:
    assert not any_store.has(artifact) and any_store.done(artifact.kind) == set()
    with pytest.raises(KeyError, match=artifact.name):
        any_store.commit_of(artifact)
    assert commit(any_store, artifact, seconds=1.23456, status="unmoved", numerics="1234abcd")
    again = Store(any_store.address)  # nothing is in the object's memory alone
    assert again.has(artifact) and again.done(artifact.kind) == {artifact.name}
    made = again.commit_of(artifact)
    assert (made.status, made.seconds, made.numerics) == ("unmoved", 1.235, "1234abcd")
    assert made.size == sum(len(content) for content in FILES.values())
    assert {name: again.read(artifact, name) for name in made.files} == FILES
    assert again.rows(artifact) == [{"a": 1}, {"a": None}] and again.read(artifact, "config.json") == CONFIG
    assert {name.split("/")[0] for name in files_of(any_store)} == {"format.json", "objects", "done", "code"}


def test_weights_come_back_bit_for_bit_and_contiguous(any_store: Store) -> None:
    x = torch.arange(96, dtype=torch.float32).reshape(2, 3, 4, 4) / 7
    weights = {
        "conv.weight": x.contiguous(memory_format=torch.channels_last),
        "part": x[:, 1],
        "turned": x[0, 0].T,
        "odd": torch.tensor([-0.0, float("inf"), float("nan"), 1e-45]),
        "num_batches_tracked": torch.tensor(3),
        "half": torch.ones(3, dtype=torch.bfloat16),
        "double": torch.tensor([0.1], dtype=torch.float64),
        "none": torch.empty(0, 5),
    }
    commit(any_store, SNAPSHOT, {"encoder.safetensors": tensors(weights)})
    found = any_store.weights(SNAPSHOT, "encoder")
    assert found.keys() == weights.keys()
    for name, value in found.items():
        assert value.is_contiguous() and value.dtype == weights[name].dtype
        torch.testing.assert_close(value, weights[name], rtol=0, atol=0, equal_nan=True)
    assert torch.signbit(found["odd"][0])


def test_the_first_of_two_equal_attempts_stays(any_store: Store) -> None:
    assert commit(any_store) is True
    before = files_of(any_store)
    assert commit(any_store, files={"metrics.jsonl": b"other"}, status="diverged") is False
    assert files_of(any_store) == before


def test_of_many_at_once_one_wins(any_store: Store) -> None:
    contents = {number: str(number).encode() * 1000 for number in range(8)}
    for number in range(10):
        artifact, won = Artifact("probe", f"{number:024d}"), dict.fromkeys(contents, False)
        together = threading.Barrier(len(contents))

        def attempt(
            who: int, artifact: Artifact = artifact, won: dict[int, bool] = won, go: Any = together
        ) -> None:
            go.wait()
            won[who] = commit(any_store, artifact, {"who": contents[who]})

        threads = [threading.Thread(target=attempt, args=(who,)) for who in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = (who for who, first in won.items() if first)
        assert any_store.read(artifact, "who") == contents[winner]
    assert (
        len(files_of(any_store, "objects")) == len(files_of(any_store, "done")) == 10
    )  # no loser's, no temporary


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def alter(store: Store, name: str, damage: Callable[[bytes], bytes | None]) -> None:
    content = damage(store.storage.read(name))
    if content is None:
        store.storage.remove(name)
    else:
        store.storage.replace(name, content)


DAMAGES: list[tuple[Callable[[bytes], bytes | None], str]] = [
    (flip, "not what was written"),
    (lambda content: content[:10], "10 bytes, 21 were written"),
    (lambda content: content + b"\0", "longer than the 21 bytes"),
    (lambda content: None, "[Nn]o such file|does not exist|No such file"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES, ids=["bit", "short", "long", "missing"])
def test_damage_is_noticed_and_named(
    any_store: Store, damage: Callable[[bytes], bytes | None], message: str
) -> None:
    commit(any_store)
    (name,) = (name for name in files_of(any_store, "objects") if name.endswith("metrics.jsonl"))
    alter(any_store, name, damage)
    where = re.escape(any_store.storage.where(name))
    for read in (lambda: any_store.read(PROBE, "metrics.jsonl"), lambda: any_store.rows(PROBE)):
        with pytest.raises(Damaged, match=f"{where}: .*({message})"):
            read()
    assert any_store.read(PROBE, "config.json") == CONFIG  # the others are whole


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_commit_that_fails_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The disk is full at the first file, at the second, or at the commit, half of it written."""
    write, calls = disk.write, []

    def full(path: Path, content: bytes) -> None:
        calls.append(path)
        write(path, content if len(calls) <= number else content[: len(content) // 2])
        if len(calls) > number:
            raise NO_ROOM

    monkeypatch.setattr(disk, "write", full)
    with pytest.raises(OSError, match="No space left"):
        commit(store)
    assert len(calls) == number + 1
    assert not store.has(PROBE) and store.done("probe") == set() and not list(store.find("ab"))
    assert list(files_of(store)) == ["format.json"]
    monkeypatch.undo()
    assert commit(store) and store.read(PROBE, "metrics.jsonl") == FILES["metrics.jsonl"]


@pytest.mark.parametrize("unseen", [0, errno.EIO, errno.ETIMEDOUT])
def test_a_commit_interrupted_behind_its_marker_keeps_its_files(
    any_store: Store, monkeypatch: pytest.MonkeyPatch, unseen: int
) -> None:
    """Whether or not one can see, then, that the commit is there."""
    create = any_store.storage.create

    def interrupted(name: str, content: bytes, **options: Any) -> None:
        create(name, content, **options)
        raise OSError(errno.EIO, "Input/output error")

    def away(name: str, *options: Any) -> bytes:
        raise OSError(unseen, "away")

    with monkeypatch.context() as broken:
        broken.setattr(any_store.storage, "create", interrupted)
        if unseen:
            broken.setattr(any_store.storage, "read", away)
        with pytest.raises(OSError, match="Input/output error"):
            commit(any_store)
    assert any_store.read(PROBE, "metrics.jsonl") == FILES["metrics.jsonl"]


def test_files_are_on_the_disk_before_their_marker(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    flush, link = os.fsync, os.link

    def note(handle: int) -> None:
        flushed.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        flush(handle)

    def linked(source: Path, target: Path) -> None:
        assert {*FILES, next(store.root.glob("objects/probe/ab/*/*")).name} <= set(flushed)
        assert source.name in flushed
        link(source, target)
        flushed.append("LINKED")

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "link", linked)
    assert commit(store)
    assert flushed[-2:] == ["LINKED", "ab"]  # and then the folder that holds the commit


def test_find_by_the_beginning_of_a_key(any_store: Store) -> None:
    other = Artifact("state", "abc" + "1" * 21, 158)
    for artifact in (PROBE, SNAPSHOT, other, Artifact("probe", "ff" + "0" * 22)):
        commit(any_store, artifact)
    assert set(any_store.find("ab")) == {PROBE, SNAPSHOT, other}
    assert set(any_store.find(KEY)) == {PROBE, SNAPSHOT}
    assert list(any_store.find("abc1")) == [other] and list(any_store.find("ab2")) == []
    assert any_store.done("state") == {other.name}


def test_a_newer_format_is_refused_and_left_alone(any_store: Store) -> None:
    assert json.loads(any_store.storage.read("format.json")) == {"format": module.FORMAT}
    any_store.prepare()  # again: nothing is lost
    any_store.storage.replace("format.json", json.dumps({"format": module.FORMAT + 1}).encode())
    for action in (any_store.prepare, any_store.check_format):
        with pytest.raises(UserError, match=re.escape(f"--store {any_store.address}") + ".* newer .*update"):
            action()


@pytest.mark.parametrize("address", ["http://host/path", "memory://x", "file:///tmp/x", "s3://", "gs:///x"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(UserError, match=f"--store {address}: .*BUCKET/PATH"):
        Store(address)


def test_where_one_may_not_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    store = Store(tmp_path / "file" / "store")
    with pytest.raises(UserError, match=f"--store {store.root}: can't write there .*give a folder"):
        store.prepare()
    with pytest.raises(UserError, match=f"--out {tmp_path / 'file'}: can't write there"):
        ensure_writable(tmp_path / "file", "--out")
    ensure_writable(tmp_path / "new" / "folder", "--out")
    assert (tmp_path / "file").read_text() == "mine" and not any((tmp_path / "new" / "folder").iterdir())


def test_a_marker_keeps_the_layout_that_older_stores_have(store: Store) -> None:
    """Written out: a store of today has to be read tomorrow."""
    path = store.root / "done" / "probe" / "ab" / f"{KEY}@79.json"
    path.parent.mkdir(parents=True)
    content = {"attempt": "0" * 16, "status": "ok", "files": {}, "seconds": 2.0, "numerics": "n"}
    path.write_text(json.dumps(content))
    assert store.commit_of(SNAPSHOT) == Commit(SNAPSHOT, "0" * 16, "ok", {}, 2.0, "n", 0)
    assert store.done("probe") == {f"{KEY}@79"} and list(store.find("ab")) == [SNAPSHOT]


def test_a_disk_without_hard_links_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    store = Store(tmp_path / "store")
    monkeypatch.setattr(os, "link", none)
    with pytest.raises(
        UserError, match=r"can't create a file exclusively there, by a hard link .*not permitted"
    ):
        store.prepare()
    monkeypatch.setattr(
        os, "link", lambda source, target: os.replace(source, target)
    )  # lets the last one win
    with pytest.raises(UserError, match="can't create a file exclusively there; give another disk"):
        store.prepare()
    assert not [path for path in store.root.iterdir() if path.is_file()]


def test_a_marker_that_was_altered_is_damage(any_store: Store) -> None:
    """Any byte of it: a commit carries a checksum of its own."""
    commit(any_store)
    name, replace = module.commit_name(PROBE), any_store.storage.replace
    text = any_store.storage.read(name)
    each = 1 if isinstance(any_store.storage, Folder) else 10
    for at in range(0, len(text), each):
        replace(name, text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :])
        with pytest.raises(Damaged, match="is not what was written"):
            any_store.commit_of(PROBE)
    for length in range(0, len(text), each):
        replace(name, text[:length])
        with pytest.raises(Damaged):
            any_store.commit_of(PROBE)


def test_a_damaged_artifact_is_set_aside_once(any_store: Store) -> None:
    commit(any_store)
    (name,) = (name for name in files_of(any_store, "objects") if name.endswith("metrics.jsonl"))
    alter(any_store, name, flip)
    with pytest.raises(Damaged) as found:
        any_store.rows(PROBE)
    any_store.set_aside(found.value)
    assert not any_store.has(PROBE) and name not in files_of(any_store)
    assert commit(any_store)  # made again
    any_store.set_aside(found.value)  # by someone who is late
    assert any_store.has(PROBE) and any_store.rows(PROBE)
    assert [name.endswith("metrics.jsonl") for name in files_of(any_store, "aside")].count(True) == 1


def test_a_config_of_another_key_is_damage(any_store: Store) -> None:
    commit(any_store, Artifact("probe", "ab" * 12))
    with pytest.raises(Damaged, match="hashes to another key than abab"):
        any_store.rows(Artifact("probe", "ab" * 12))
