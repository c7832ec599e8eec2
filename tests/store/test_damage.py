"""What can't be read for good is damage like a missing file; what passes, and what is newer, is none."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from randteach import identity
from randteach.errors import Damaged, Unknown
from randteach.identity.artifact import Artifact
from randteach.kinds import revisions
from randteach.storage.folder import Folder
from randteach.store import commits
from randteach.store.artifacts import commit_name, folder
from randteach.store.store import Store
from tests.store.test_store import FILES, KEY, PROBE, commit


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    commit(store)
    return store


def a_folder(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def a_file_above(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("no folder")


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "EISDIR": (a_folder, "Is a directory"),
    "ELOOP": (a_loop, "symbolic links"),
    "ENOTDIR": (a_file_above, "Not a directory"),
}


@pytest.mark.parametrize("place", ["metrics.jsonl", "config.json", "commit"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_a_file_s_place(kind: str, place: str, store: Store) -> None:
    attempt = store.root / folder(PROBE) / store.commit_of(PROBE).attempt
    path = store.root / commit_name(PROBE) if place == "commit" else attempt / place
    make, said = KINDS[kind]
    make(path)
    if (kind, place) == ("ENOTDIR", "commit"):
        assert not store.has(PROBE)  # there is no folder of it
    else:
        with pytest.raises(Damaged, match=said) as damage:
            store.rows(PROBE)
        assert str(path.parent) in str(damage.value)
        store.set_aside(damage.value)
    assert not store.has(PROBE) and commit(store) and store.rows(PROBE)
    store.verify(PROBE)


def broken(monkeypatch: pytest.MonkeyPatch, parts: tuple[str, ...], number: int) -> None:
    """Reading files of that name fails."""
    read = Folder.read

    def fails(self: Folder, name: str, most: int | None = None) -> bytes:
        if any(part in name for part in parts):
            raise OSError(number, os.strerror(number), name)
        return read(self, name, most)

    monkeypatch.setattr(Folder, "read", fails)


@pytest.mark.parametrize("parts", [("metrics.jsonl",), ("done/", "aside/")], ids=["file", "commit"])
def test_a_disk_s_errors_are_damage(
    parts: tuple[str, ...], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as bad:
        broken(bad, parts, errno.EIO)
        with pytest.raises(Damaged, match="Input/output error") as damage:
            store.rows(PROBE)
        store.set_aside(damage.value)
    assert not store.has(PROBE) and commit(store) and store.rows(PROBE)


@pytest.mark.parametrize("number", [errno.EACCES, errno.ESTALE, errno.ETIMEDOUT, errno.ENOMEM])
def test_what_may_pass_is_none(number: int, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, ("metrics.jsonl",), number)
    with pytest.raises(OSError, match=os.strerror(number)):
        store.rows(PROBE)


ROWS = {
    "no rows": b"1 2",
    "a list": b"[1]\n",
    "a text": b'{"linear": "0.5"}\n',
    "a list in a row": b'{"linear": [1]}\n',
    "no number": b'{"linear": NaN}\n',
    "without end": b'{"linear": 1e999}\n',
    "of 5000 digits": b'{"linear": 1' + b"0" * 5000 + b"}\n",
    "a step that is none": b'{"step": "../x"}\n',
    "a split that is none": b'{"split": 3}\n',
    "deep": b"[" * 10**5,
    "a place without number": b'{"x": null}\n',
}


@pytest.mark.parametrize("rows", ROWS)
def test_rows_that_are_none_are_damage(rows: str, store: Store) -> None:
    """Though they be what was written."""
    other = Artifact("probe", KEY, 3)
    commit(store, other, FILES | {"metrics.jsonl": ROWS[rows]})
    for ask in (store.rows, store.verify):
        with pytest.raises(Damaged, match=r"metrics\.jsonl: "):
            ask(other)


@pytest.mark.parametrize(
    "text", [b"[]", b"{", b'{"log": "x"}', b'{"log": [1]}', b'{"began": "x"}', b'{"began": 1e300}']
)
def test_provenance_that_is_none_is_damage(text: bytes, store: Store) -> None:
    other = Artifact("probe", KEY, 3)
    commit(store, other, FILES | {"provenance.json": text})
    with pytest.raises(Damaged, match=r"provenance\.json: "):
        store.json(other, "provenance")


def test_a_record_that_a_commit_does_not_name_is_damage(store: Store) -> None:
    other = Artifact("probe", KEY, 3)
    commit(store, other, {"config.json": FILES["config.json"]})
    with pytest.raises(Damaged, match="names no such file"):
        store.rows(other)


def test_what_a_newer_version_made_is_left_alone(any_store: Store) -> None:
    """A kind, or a revision of a kind, that this one doesn't know: never damage, whatever its files are."""
    newer = Artifact("future", "ab" * 12)
    any_store.storage.write(commit_name(newer), b'{"of": "another form"}')
    revised = Artifact("probe", identity.digest(f"probe/{revisions()['probe'] + 1}/{{}}"))
    commit(any_store, revised, FILES | {"config.json": b"{}", "metrics.jsonl": b"of another form"})
    for artifact, what in ((newer, "a kind"), (revised, "a revision, ")):
        for ask in (any_store.rows, any_store.verify, lambda a: any_store.json(a, "config")):
            with pytest.raises(Unknown, match=f"{artifact.name}: {what}.* that this version doesn't know"):
                ask(artifact)
        assert not any_store.known(artifact) and any_store.has(artifact) and not any_store.diverged(artifact)
    assert list(any_store.all()) == [revised] and list(any_store.strange()) == [newer]
    assert set(any_store.find("ab")) == {newer}


def test_files_of_others_are_passed_over(any_store: Store) -> None:
    commit(any_store)
    at, attempt = folder(PROBE), any_store.commit_of(PROBE).attempt
    names = ["notes.txt", f"{KEY}.json~", f"{KEY[:-1]}.json", f"{KEY}@x.json", f"{KEY}.json.swp"]
    others = [f"done/probe/ab/{name}" for name in names] + ["done/notes.txt", "done/probe/notes.txt"]
    others += ["objects/notes.txt", f"{at}/notes.txt", f"{at}/backup/config.json", "objects/probe/x/y/z/file"]
    for name in others:
        any_store.storage.write(name, b"mine")
    assert list(any_store.all()) == list(any_store.find("ab")) == [PROBE]
    assert any_store.attempts() == {PROBE: {attempt}}
    assert any_store.abandoned(PROBE, lambda session: False) == []
    assert all(any_store.storage.exists(name) for name in others)


def test_a_commit_that_is_too_long_is_set_aside(any_store: Store) -> None:
    """Once: one that was made anew meanwhile can be read, and stays."""
    commit(any_store)
    name = commit_name(PROBE)
    any_store.storage.replace(name, any_store.storage.read(name) + b" " * commits.MOST)
    with pytest.raises(Damaged) as damage:
        any_store.commit_of(PROBE)
    any_store.set_aside(damage.value)
    assert not any_store.has(PROBE) and commit(any_store)
    any_store.set_aside(damage.value)
    any_store.verify(PROBE)


def _after(first: Callable[[], None], then: Callable[..., None], *args: object) -> None:
    first()
    then(*args)


def test_only_the_commit_that_was_seen_is_set_aside(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another sweep sets it aside and makes it anew in between, wherever in between that is."""
    for when in ("before", "within"):
        name = f"{folder(PROBE)}/{commit(any_store) and any_store.commit_of(PROBE).attempt}/metrics.jsonl"
        any_store.storage.replace(name, b"x")
        with pytest.raises(Damaged) as damage:
            any_store.rows(PROBE)
        other = Store(any_store.address)

        def anew(other: Store = other, damage: Damaged = damage.value) -> None:
            other.set_aside(damage)
            assert commit(other)

        if when == "before":
            anew()
            any_store.set_aside(damage.value)
        else:
            # After the look at what is there, and before it is moved.
            move = "move" if isinstance(any_store.storage, Folder) else "write"
            action = getattr(any_store.storage, move)
            with monkeypatch.context() as slow:
                hasty = partial(_after, anew, action)
                slow.setattr(any_store.storage, move, hasty)
                any_store.set_aside(damage.value)
        any_store.verify(PROBE)
        assert any_store.rows(PROBE) == [{"a": 1}, {"a": None}]
        any_store.storage.remove(commit_name(PROBE))


def test_a_copy_is_checked_before_it_gets_its_name(s3: str, tmp_path: Path) -> None:
    store = Store(s3)
    store.prepare()
    commit(store)
    name = f"{folder(PROBE)}/{store.commit_of(PROBE).attempt}/metrics.jsonl"
    store.storage.replace(name, b"x" * len(FILES["metrics.jsonl"]))
    with pytest.raises(Damaged):
        store.rows(PROBE)
    copies = [path.name for path in (tmp_path / "caches").rglob("*") if path.is_file()]
    assert copies == ["config.json"]
    assert json.loads(store.storage.read("format.json"))
