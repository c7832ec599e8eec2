"""A study as one tar: moved whole, the same bytes each time; nothing that isn't whole gets in."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from randteach import identity
from randteach.cli.commands import archive
from randteach.errors import Damaged
from randteach.identity.artifact import Artifact
from randteach.kinds import revisions
from randteach.store import commits, plans
from randteach.store.missing import missing as lacking
from randteach.store.store import Store
from tests.cli.commands.conftest import Command, planned

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def tar(command: Command, tmp_path: Path) -> Path:
    path = tmp_path / "small.tar"
    assert "small, 24 artifacts" in command("export", "small", str(path))
    return path


def content(store: Store) -> dict[tuple[Artifact, str], bytes]:
    return {(a, name): store.read(a, name) for a in store.all() for name in store.commit_of(a).files}


def test_an_import_is_the_study(tar: Path, store: Store, command: Command, tmp_path: Path) -> None:
    other = Store(tmp_path / "other" / "store")
    assert "24 artifacts taken, 0 were" in command("import", str(tar), at=tmp_path / "other")
    assert content(other) == content(store)
    assert lacking(planned().jobs, other) == [] and plans.last(other, "small") == plans.last(store, "small")
    for artifact in store.all():
        ours, theirs = store.commit_of(artifact), other.commit_of(artifact)
        assert (ours.status, ours.seconds, ours.numerics) == (theirs.status, theirs.seconds, theirs.numerics)
    assert "24 were there already" in command("import", str(tar), at=tmp_path / "other")
    again = tmp_path / "again.tar"
    command("export", "small", str(again), at=tmp_path / "other")
    # Alike but for the attempts that the commits name.
    assert [member.name for member, _ in members(again)] == [member.name for member, _ in members(tar)]
    third = tmp_path / "third.tar"
    command("export", "small", str(third))
    assert third.read_bytes() == tar.read_bytes()


def test_a_study_that_is_not_whole_is_exported_as_it_is(
    command: Command, store: Store, tmp_path: Path
) -> None:
    plans.record(store, planned("alpha=0.3,0.9"), "", {})
    printed = command("export", "small", str(tmp_path / "x.tar"))
    assert "24 artifacts" in printed and "9 are not made yet" in printed


def test_what_can_not_be_exported(command: Command, store: Store, tar: Path, tmp_path: Path) -> None:
    assert "no study 'none'; it has small" in command("export", "none", str(tmp_path / "x.tar"), code=2)
    assert "is there already" in command("export", "small", str(tar), code=2)
    assert "can't write there" in command("export", "small", str(tmp_path / "no" / "x.tar"), code=2)
    path = next(store.root.glob("objects/distill/*/*/*/encoder.safetensors"))
    path.write_bytes(b"")
    assert f"{path}: 0 bytes" in command("export", "small", str(tmp_path / "x.tar"), code=2)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["out", "small.tar"]


def members(tar: Path) -> Members:
    with tarfile.open(tar) as file:
        return [(member, file.extractfile(member).read()) for member in file]  # type: ignore[union-attr]


def pack(path: Path, members: Members) -> None:
    with tarfile.open(path, "w") as file:
        for member, data in members:
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))


def named(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> Callable[[Members], None]:
    def add(found: Members) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        found.insert(0, (member, b"" if target else b"x"))

    return add


def change(end: str, edit: Callable[[bytes], bytes]) -> Callable[[Members], None]:
    def apply(found: Members) -> None:
        at = next(n for n, (member, _) in enumerate(found) if member.name.endswith(end))
        found[at] = found[at][0], edit(found[at][1])

    return apply


def drop(start: str) -> Callable[[Members], None]:
    def apply(found: Members) -> None:
        del found[next(n for n, (member, _) in enumerate(found) if member.name.startswith(start))]

    return apply


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def newer(data: bytes) -> bytes:
    return data.replace(b'"format": 1', b'"format": 2')


BAD: dict[str, tuple[Callable[[Members], None], str]] = {
    "leaves by ..": (named("../x"), "is no part of an export"),
    "leaves from within": (named("objects/probe/../../x"), "is no part of an export"),
    "absolute": (named("/tmp/x"), "is no part of an export"),
    "link": (named("done/x.json", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
    "hard link": (named("done/x.json", tarfile.LNKTYPE, "export.json"), "is a link"),
    "folder": (named("objects", tarfile.DIRTYPE, ""), "is a link, a folder"),
    "device": (named("x", tarfile.CHRTYPE), "is a link, a folder"),
    "stranger": (named("readme.txt"), "is no part of an export"),
    "twice": (lambda found: found.append(found[-1]), "or there twice"),
    "weights": (change("encoder.safetensors", flip), "encoder.safetensors is damaged"),
    "rows": (change("metrics.jsonl", lambda data: data[:-1]), "metrics.jsonl is damaged"),
    "plan": (lambda found: change(found[1][0].name, flip)(found), "is damaged"),
    "commit is none": (lambda found: change(found[2][0].name, lambda data: b"[]")(found), "is damaged"),
    "no plan": (drop("studies/"), "parts of it are missing"),
    "a file less": (drop("objects/state"), "are missing"),
    "newer": (change("export.json", newer), "another version"),
    "no head": (drop("export.json"), "is no export"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_is_refused_changes_nothing(what: str, tar: Path, command: Command, tmp_path: Path) -> None:
    found = members(tar)
    BAD[what][0](found)
    bad, target = tmp_path / "bad.tar", tmp_path / "target"
    pack(bad, found)
    assert BAD[what][1] in command("import", str(bad), code=2, at=target)
    assert not target.exists() and not (tmp_path / "x").exists() and not Path("/tmp/x").exists()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_tar_that_is_cut_off(part: float, tar: Path, command: Command, tmp_path: Path) -> None:
    bad = tmp_path / "bad.tar"
    bad.write_bytes(tar.read_bytes()[: int(part * tar.stat().st_size)])
    command("import", str(bad), code=2, at=tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_what_is_no_tar(command: Command, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for name in ("text", "none"):
        assert "is no export that can be read" in command("import", str(tmp_path / name), code=2)


def sealed_again(name: str, edit: Callable[[dict[str, Any]], None]) -> Callable[[Members], None]:
    """Another commit, whose checksum fits."""

    def change_it(data: bytes) -> bytes:
        content = commits.unsealed(data)
        edit(content)
        return commits.sealed(content)

    return change(name, change_it)


def with_file(file: str, data: bytes) -> Callable[[Members], None]:
    """A pixel probe's file with other content, as its commit says."""

    def apply(found: Members) -> None:
        (probe,) = next(job for job in planned().jobs if job.labels["role"] == "input").artifacts
        about = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        sealed_again(f"{probe.name}.json", lambda content: content["files"].update({file: about}))(found)
        change(f"{probe.name}/{file}", lambda _: data)(found)

    return apply


def other_plan(edit: Callable[[dict[str, Any]], None]) -> Callable[[Members], None]:
    def apply(found: Members) -> None:
        at = next(n for n, (member, _) in enumerate(found) if member.name.startswith("studies/"))
        content = json.loads(found[at][1])
        edit(content)
        data = json.dumps(content).encode()
        found[at] = tarfile.TarInfo(f"studies/small/{identity.digest(data.decode(), 16)}.json"), data

    return apply


def another_study(name: str) -> Callable[[Members], None]:
    def apply(found: Members) -> None:
        other_plan(lambda plan: plan.update(study=name))(found)
        member = next(member for member, _ in found if member.name.startswith("studies/"))
        member.name = member.name.replace("studies/small/", f"studies/{name}/")

    return apply


KEY, ROW = "ab" * 12, "metrics.jsonl is damaged"
HOSTILE: dict[str, tuple[Callable[[Members], None], str]] = {
    "attempt": (sealed_again("@0.json", lambda c: c.update(attempt="../../../x")), "is damaged"),
    "absolute attempt": (sealed_again("@0.json", lambda c: c.update(attempt="/tmp/x")), "is damaged"),
    "file": (sealed_again("@0.json", lambda c: c["files"].update({"../x": {}})), "is damaged"),
    "status": (sealed_again("@0.json", lambda c: c.update(status="x" * 1000)), "is damaged"),
    "kind": (named(f"done/../{KEY}.json"), "is no part"),
    "key": (named(f"done/probe/../../{KEY}.json"), "is no part"),
    "step": (named(f"done/probe/{KEY}@007.json"), "is no part"),
    "hidden": (named(f"objects/probe/{KEY}/.x"), "is no part"),
    "NUL": (named(f"objects/probe/{KEY}/é\0y"), "is no part"),
    "long": (named(f"objects/probe/{KEY}/{'x' * 300}"), "is no part"),
    "study": (named("studies/../0123456789abcdef.json"), "is no part"),
    "digest": (named("studies/small/../x.json"), "is no part"),
    "deep": (with_file("metrics.jsonl", b"[" * 10**5), ROW),
    "deep, whole": (with_file("metrics.jsonl", b'{"a": ' + b"[" * 99 + b"]" * 99 + b"}"), ROW),
    "digits": (with_file("metrics.jsonl", b'{"linear": 1' + b"0" * 5000 + b"}"), ROW),
    "infinite": (with_file("metrics.jsonl", b'{"linear": 1e999}'), ROW),
    "no row": (with_file("metrics.jsonl", b'{"linear": "5"}'), ROW),
    "provenance": (with_file("provenance.json", b'{"log": 5}'), "provenance.json is damaged"),
    "another study's plan": (other_plan(lambda plan: plan.update(study="../x")), "left out: studies/"),
    "a job's key": (other_plan(lambda plan: plan["jobs"][0].update(key="../x")), "left out: studies/"),
    "a parent": (other_plan(lambda plan: plan["jobs"][-1].update(parents=[["x"]])), "left out: studies/"),
    "jobs in a circle": (other_plan(lambda plan: plan["jobs"].reverse()), "left out: studies/"),
    "MLflow's own name": (another_study("Default"), "study Default: is the name of something else"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_hostile_changes_nothing(what: str, tar: Path, command: Command, tmp_path: Path) -> None:
    found = members(tar)
    HOSTILE[what][0](found)
    if HOSTILE[what][1] == "left out: studies/":
        assert HOSTILE[what][1] in attempt(command, found, tmp_path, 0)
        assert plans.studies(Store(tmp_path / "target" / "store")) == []
        return
    assert HOSTILE[what][1] in attempt(command, found, tmp_path, 2)
    assert not (tmp_path / "target").exists() and not Path("/tmp/x").exists()


def attempt(command: Command, found: Members, tmp_path: Path, code: int) -> str:
    pack(tmp_path / "bad.tar", found)
    return command("import", str(tmp_path / "bad.tar"), code=code, at=tmp_path / "target")


def sparse(path: Path, name: str, size: int) -> None:
    """A tar of a member that says that it is so large, and holds nothing; the file has holes."""
    member = tarfile.TarInfo(name)
    member.size = size
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT))
    os.truncate(path, tarfile.BLOCKSIZE + size + 1024)


@pytest.mark.parametrize(
    "name", ["export.json", f"done/probe/{KEY}.json", f"objects/probe/{KEY}/x.safetensors"]
)
def test_a_size_is_known_before_anything_is_read(name: str, command: Command, tmp_path: Path) -> None:
    """40 GB: to read them would end this process."""
    sparse(tmp_path / "large.tar", name, 40 << 30)
    printed = command("import", str(tmp_path / "large.tar"), code=2, at=tmp_path / "target")
    assert "are allowed" in printed or "is damaged" in printed


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE])
def test_a_header_of_40_gb(kind: bytes, command: Command, tmp_path: Path) -> None:
    path, member = tmp_path / "large.tar", tarfile.TarInfo("export.json")
    member.size, member.type = 40 << 30, kind
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT))
    os.truncate(path, 41 << 30)
    command("import", str(path), code=2, at=tmp_path / "target")


def header(name: str, kind: bytes, data: bytes) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, len(data)
    return member.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)


COMMENT = b"13 comment=a\n"
HOLES = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"


@pytest.mark.parametrize(
    "start",
    [
        header("x", tarfile.XHDTYPE, COMMENT) * 2000,
        header("x", tarfile.XGLTYPE, COMMENT) * 2000,
        header("x", tarfile.GNUTYPE_LONGNAME, b"abc\0") * 2000,
        header("x", tarfile.XHDTYPE, HOLES),
    ],
    ids=["pax", "global", "names", "holes"],
)
def test_headers_that_tarfile_fails_on(start: bytes, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "bad.tar"
    path.write_bytes(start + header("export.json", tarfile.REGTYPE, b"{}") + bytes(1024))
    assert "is no export that can be read" in command("import", str(path), code=2, at=tmp_path / "target")


def test_a_study_that_a_disk_takes_for_one_that_is_there(tar: Path, command: Command, tmp_path: Path) -> None:
    found = members(tar)
    another_study("SMALL")(found)
    pack(tmp_path / "bad.tar", found)
    assert "study SMALL: there is 'small', which some" in command("import", str(tmp_path / "bad.tar"), code=2)


def test_what_changes_between_two_readings_is_refused(
    tar: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once all is checked, weights and rows become others."""
    prepare = Store.prepare
    for end in ("encoder.safetensors", "metrics.jsonl"):
        found = members(tar)
        change(end, flip)(found)
        path = tmp_path / "moving.tar"
        path.write_bytes(tar.read_bytes())

        def swap(self: Store, found: Members = found, path: Path = path) -> None:
            prepare(self)
            pack(path, found)

        with monkeypatch.context() as moving:
            moving.setattr(Store, "prepare", swap)
            target = tmp_path / end
            assert "has changed while it was read" in command("import", str(path), code=2, at=target)
        taken = Store(target / "store")
        for artifact in taken.all():
            taken.verify(artifact)


def test_what_a_newer_version_exported_is_left_out(tar: Path, command: Command, tmp_path: Path) -> None:
    """Artifacts of a kind, and of a revision, that this version doesn't know; all others are taken."""
    found = members(tar)
    revised = Artifact("probe", identity.digest(f"probe/{revisions()['probe'] + 1}/{{}}"))
    for artifact, config in ((Artifact("future", KEY), b"?"), (revised, b"{}")):
        files = {"config.json": config, "metrics.jsonl": b"another form", "provenance.json": b"{}"}
        listed = {n: {"size": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in files.items()}
        content = {"attempt": "0" * 16, "status": "ok", "files": listed, "seconds": 1.0, "numerics": "n"}
        commit = commits.sealed(content)
        found.append((tarfile.TarInfo(f"done/{artifact.kind}/{artifact.name}.json"), commit))
        for name, data in files.items():
            found.append((tarfile.TarInfo(f"objects/{artifact.kind}/{artifact.name}/{name}"), data))
    change("export.json", lambda data: data.replace(b'"artifacts": 24', b'"artifacts": 26'))(found)
    printed = attempt(command, found, tmp_path, 0)
    assert "24 artifacts taken, 0 were there already, 2 left out that this version doesn't know" in printed
    assert not Store(tmp_path / "target" / "store").has(revised)


def test_an_export_says_what_is_set_aside(
    command: Command, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = planned().jobs[0]
    damage = Damaged(
        job.artifacts[-1],
        store.commit_of(job.artifacts[-1]).attempt,
        "",
        store.commit_of(job.artifacts[-1]).text,
    )
    add = archive._add

    def meanwhile(tar: tarfile.TarFile, name: str, content: bytes) -> None:
        add(tar, name, content)
        store.set_aside(damage)  # by another sweep

    with monkeypatch.context() as other:
        other.setattr(archive, "_add", meanwhile)
        printed = command("export", "small", str(tmp_path / "x.tar"), code=2)
    assert f"distill {job.artifacts[-1].name}: was set aside" in printed and not (tmp_path / "x.tar").exists()
    printed = command("export", "small", str(tmp_path / "x.tar"))
    assert "23 artifacts" in printed and "1 are not made yet, 1 of them were damaged and set aside" in printed


def test_a_config_of_another_key_is_refused(store: Store, command: Command, tmp_path: Path) -> None:
    """An artifact that is whole, but stands at a key to which its config doesn't hash."""
    job = next(job for job in planned().jobs if job.labels["role"] == "input")
    (real,) = job.artifacts
    files = {name: store.read(real, name) for name in store.commit_of(real).files}
    wrong = Artifact("probe", identity.digest("other"))
    store.commit(wrong, files, status="ok", seconds=1.0, numerics="n")
    assert "hashes to another key" in command("show", wrong.key, code=2)
    assert "hashes to another key" in command("verify", code=1)
    text = store.storage.read(plans.last_file(store, "small")).decode().replace(real.key, wrong.key)
    plans.keep(store, "wrong", text.replace('"study": "small"', '"study": "wrong"').encode(), {})
    assert "hashes to another key" in command("export", "wrong", str(tmp_path / "x.tar"), code=2)
