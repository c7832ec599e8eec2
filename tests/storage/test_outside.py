"""Nothing that a store says leads its reader outside: no name, and no link."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from randteach.errors import Damaged, Unreadable, UserError
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Entry
from randteach.storage import Storage
from randteach.store import plans, work
from randteach.store.artifacts import commit_name, folder
from randteach.store.commits import sealed
from randteach.store.session import Sessions
from randteach.store.store import Store
from randteach.store.work import Claims
from tests.store.test_store import FILES, KEY, PROBE, commit
from tests.store.test_work import JOB

OUTSIDE = "../" * 9 + "outside"
NAMES = ["/outside", OUTSIDE, "a/../../outside", "a/..", "..", ".", "", "a//b", "a\0b", "a\nb", "x" * 300]
ACTIONS: dict[str, Callable[[Storage, str], Any]] = {
    "read": lambda at, name: at.read(name),
    "checked": lambda at, name: at.checked(name, lambda content: None),
    "write": lambda at, name: at.write(name, b""),
    "create": lambda at, name: at.create(name, b""),
    "replace": lambda at, name: at.replace(name, b""),
    "log": lambda at, name: at.log(name, ["line"], 1),
    "appear": lambda at, name: at.appear(name, {"x": b""}),
    "names": lambda at, name: at.names(name),
    "walk": lambda at, name: list(at.walk(name, 1)),
    "size": lambda at, name: at.size(name),
    "changed": lambda at, name: at.changed(name),
    "move": lambda at, name: at.move(name, "x"),
    "move to": lambda at, name: at.move("format.json", name),
    "take": lambda at, name: at.take(name, "x", None, 9),
    "remove": lambda at, name: at.remove(name),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_no_name_leads_outside(action: str, any_store: Store) -> None:
    for name in NAMES:
        with pytest.raises(OSError, match="is no name in a store"):
            ACTIONS[action](any_store.storage, name)
    assert any_store.storage.exists("format.json")


def marked(**changes: Any) -> bytes:
    content = {"attempt": "0" * 16, "status": "ok", "files": {}, "seconds": 1.0, "numerics": "n", "size": 0}
    return sealed(content | changes)


FILE = {"size": 1, "sha256": "0" * 64}
MARKERS = {
    **{
        f"attempt {str(name)[:20]!r}": marked(attempt=name) for name in [*NAMES, "A" * 16, ".hidden", 7, None]
    },
    **{f"file {name[:20]!r}": marked(files={name: FILE}) for name in [*NAMES, ".hidden"]},
    "files are a list": marked(files=["x"]),
    "a file is a list": marked(files={"x": [1]}),
    "a file without size": marked(files={"x": {"sha256": "0" * 64}}),
    "a size below 0": marked(files={"x": FILE | {"size": -1}}),
    "a size that is true": marked(files={"x": FILE | {"size": True}}),
    "a checksum of another form": marked(files={"x": FILE | {"sha256": "../x"}}),
    "seconds that are a text": marked(seconds="1"),
    "a status of a million letters": marked(status="x" * 10**6),
    "no object": b"[]",
    "deep": b'{"x": ' * 100_000,
    "deep, whole": b'{"attempt": ' + b"[" * 500 + b"]" * 500 + b"}",
    "a number without end": b'{"seconds": 1' + b"0" * 5000 + b"}",
    "infinite": b'{"seconds": 1e999}',
    "no number": b'{"seconds": NaN}',
    "no text": b"\xff\xfe",
}


def test_a_marker_of_another_form_is_damage(any_store: Store, tmp_path: Path) -> None:
    """It is told, set aside, and made again; what it names is left alone."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("mine")
    for what, text in MARKERS.items():
        any_store.storage.replace(commit_name(PROBE), text)
        for ask in (any_store.commit_of, any_store.rows, any_store.verify):
            with pytest.raises(Damaged) as damage:
                ask(PROBE)
        assert not any_store.abandoned(PROBE, lambda session: False), what
        any_store.set_aside(damage.value)
        assert not any_store.has(PROBE) and commit(any_store), what
        assert any_store.rows(PROBE) and (outside / "x").read_text() == "mine"
    assert len(list(any_store.storage.walk("aside", 3))) == len(MARKERS)


def files(at: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in at.rglob("*") if path.is_file()}


def linked(path: Path, elsewhere: Path) -> None:
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


LEVELS = ["done/probe", "done/probe/ab", "commit", "objects/probe", "KEY", "ATTEMPT", "file"]


@pytest.mark.parametrize("level", LEVELS)
def test_no_link_in_a_store_is_followed(level: str, tmp_path: Path) -> None:
    """What it points to is neither read, nor written to, nor removed; the artifact is made again."""
    store = Store(tmp_path / "store")
    store.prepare()
    commit(store)
    attempt = store.root / folder(PROBE) / store.commit_of(PROBE).attempt
    places = {"commit": store.root / commit_name(PROBE), "KEY": attempt.parent, "ATTEMPT": attempt}
    places["file"] = attempt / "metrics.jsonl"
    linked(places.get(level, store.root / level), tmp_path / "elsewhere")
    before = files(tmp_path / "elsewhere")
    if store.has(PROBE):
        with pytest.raises(Damaged) as damage:
            store.rows(PROBE)
        store.set_aside(damage.value)
    assert not store.has(PROBE) and list(store.all()) == [] and not store.attempts().keys() - {PROBE}
    assert commit(store) and store.rows(PROBE) and list(store.all()) == [PROBE]
    assert before == {
        path: path.read_bytes() for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()
    }
    assert not [path for path in store.root.rglob("*") if path.is_symlink() and "aside" not in path.parts]


@pytest.mark.parametrize("name", ["objects", "done", "work", "sessions", "aside", "studies", "failed"])
def test_a_link_in_place_of_a_store_s_folder_is_refused(name: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.prepare()
    (tmp_path / "home" / "documents").mkdir(parents=True)
    (store.root / name).symlink_to(tmp_path / "home")
    (store.root / "notes").symlink_to(tmp_path / "home")  # somebody else's: no matter
    for ask in (store.check_there, store.check_format, store.prepare):
        with pytest.raises(
            UserError, match=f"{name} there is a link, .*not followed; move what it points to"
        ):
            ask()
    assert store.storage.names(name) == [] and list(store.storage.walk(name, 1)) == []
    assert (tmp_path / "home" / "documents").is_dir()


@pytest.mark.parametrize("kind", ["../x", "/x", "", "a/b", "A", "x" * 41, "pro be", "probe\0"])
def test_no_artifact_has_another_kind(kind: str) -> None:
    with pytest.raises(ValueError, match="is no artifact"):
        Artifact(kind, KEY)


@pytest.mark.parametrize("key", ["../x", "/" * 24, "ab", "AB" * 12, "ab" * 13, KEY + "\n", 7, None, [KEY]])
def test_no_artifact_has_another_key(key: Any) -> None:
    with pytest.raises(ValueError, match="is no artifact"):
        Artifact("probe", key)
    with pytest.raises((ValueError, TypeError)):
        Entry.from_json(
            {"kind": "probe", "key": key, "steps": [], "parents": [], "labels": {"role": "input"}}
        )


@pytest.mark.parametrize("step", [-1, "0", "../x", 1.0, True, 10**18])
def test_no_artifact_has_another_step(step: Any) -> None:
    with pytest.raises(ValueError, match="is no step"):
        Artifact("probe", KEY, step)


@pytest.mark.parametrize("step", ["-1", "../x", "1.0", "007", "", "٣", "1" * 19, "1\n"])
def test_no_name_has_another_step(step: str) -> None:
    with pytest.raises(ValueError, match="names no artifact"):
        Artifact.named("probe", f"{KEY}@{step}")


def test_who_has_a_job_is_looked_up_by_tokens_alone(any_store: Store) -> None:
    for number, session in enumerate([*NAMES, 7, None, ["x"]], 1):
        claim = json.dumps({"session": session}).encode()
        any_store.storage.write(f"work/{JOB.key}/claim-{number}.json", claim)
        assert not work.claimed(any_store, JOB.key, Sessions(any_store))
    for name in ("claim-x.json", "claim-99.json~", "claim-0.json", "claim--1.json", "claim-٣.json"):
        any_store.storage.write(f"work/{JOB.key}/{name}", b"{}")
    assert Claims(any_store, "ab" * 6, Sessions(any_store)).take(JOB)
    assert any_store.storage.exists(f"work/{JOB.key}/claim-{number + 1}.json")


def test_a_start_s_plan_is_looked_up_by_its_digest_alone(any_store: Store, tmp_path: Path) -> None:
    content = json.dumps({"study": "s", "question": "", "settings": {}, "jobs": []}).encode()
    plans.keep(any_store, "s", content, {})
    there = plans.last_file(any_store, "s")
    any_store.storage.write("elsewhere.json", content.replace(b'"question": ""', b'"question": "x"'))
    for number, digest in enumerate(["../../elsewhere", "/etc/passwd", "..", 7, None, "\0", {}], 2):
        any_store.storage.write(f"studies/s/runs/{number:06d}.json", json.dumps({"plan": digest}).encode())
        assert plans.last_file(any_store, "s") == there
    for name in ("notes.txt", "000099.json~", "x.json"):
        any_store.storage.write(f"studies/s/runs/{name}", b"{}")
    assert plans.keep(any_store, "s", content, {}).start == f"s/{number + 1:06d}"


@pytest.mark.parametrize("study", ["..", "../x", ".hidden", "a b", "x" * 300, "-x"])
def test_a_plan_of_another_study_s_name_is_none(study: str, any_store: Store) -> None:
    """What it says of itself is no path either."""
    content = json.dumps({"study": study, "question": "", "settings": {}, "jobs": []}).encode()
    plans.keep(any_store, "s", content, {})
    with pytest.raises(Unreadable):
        plans.last(any_store, "s")


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    commit(store)
    path = store.root / folder(PROBE) / store.commit_of(PROBE).attempt / "metrics.jsonl"
    path.unlink()
    os.mkfifo(path)  # to open it would wait for a writer
    with pytest.raises(Damaged, match="is no file"):
        store.rows(PROBE)


def test_no_more_is_read_than_was_written(any_store: Store) -> None:
    """A file of 40 GB without content, where 21 bytes were written, or where a commit has to be."""
    commit(any_store)
    at = f"{folder(PROBE)}/{any_store.commit_of(PROBE).attempt}/metrics.jsonl"
    if any_store.address.startswith("s3"):
        any_store.storage.replace(at, bytes(10**6))
        with pytest.raises(OSError, match="longer than the 21 bytes"):
            any_store.storage.read(at, len(FILES["metrics.jsonl"]))
    else:
        os.truncate(any_store.root / at, 40 << 30)
    with pytest.raises(Damaged, match="longer than the 21 bytes"):
        any_store.rows(PROBE)
    if not any_store.address.startswith("s3"):
        os.truncate(any_store.root / commit_name(PROBE), 40 << 30)
        with pytest.raises(Damaged, match="longer than"):
            any_store.commit_of(PROBE)
