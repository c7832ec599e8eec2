"""A study as one tar: moved whole, the same bytes each time; nothing that isn't whole gets in."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from randteach import identity, plans
from randteach.jobs import Artifact
from randteach.store import Store
from tests.commands.conftest import Command, planned

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def tar(command: Command, tmp_path: Path) -> Path:
    path = tmp_path / "small.tar"
    assert "small, 24 artifacts" in command("export", "small", str(path))
    return path


def content(store: Store) -> dict[tuple[Artifact, str], bytes]:
    return {(a, name): store.read(a, name) for a in store.all() for name in store.marker(a).files}


def test_an_import_is_the_study(tar: Path, store: Store, command: Command, tmp_path: Path) -> None:
    other = Store(tmp_path / "other" / "store")
    assert "24 artifacts taken, 0 were" in command("import", str(tar), at=tmp_path / "other")
    assert content(other) == content(store)
    assert planned().missing(other) == [] and plans.last(other, "small") == plans.last(store, "small")
    for artifact in store.all():
        ours, theirs = store.marker(artifact), other.marker(artifact)
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


def test_a_config_of_another_key_is_refused(store: Store, command: Command, tmp_path: Path) -> None:
    """An artifact that is whole, but stands at a key to which its config doesn't hash."""
    job = next(job for job in planned().jobs if job.labels["role"] == "input")
    (real,) = job.artifacts
    files = {name: store.read(real, name) for name in store.marker(real).files}
    wrong = Artifact("probe", identity.digest("other"))
    store.commit(wrong, files, status="ok", seconds=1.0, numerics="n")
    assert "hashes to another key" in command("show", wrong.key, code=2)
    assert "hashes to another key" in command("verify", code=1)
    text = store.storage.read(plans.last_file(store, "small")).decode().replace(real.key, wrong.key)
    plans.keep(store, "wrong", text.replace('"study": "small"', '"study": "wrong"').encode(), {})
    assert "hashes to another key" in command("export", "wrong", str(tmp_path / "x.tar"), code=2)
