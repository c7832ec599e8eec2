"""What is there for nothing is found, and goes only when asked; what runs is shown."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from randteach import identity
from randteach.cli.commands import upkeep
from randteach.identity.artifact import Artifact
from randteach.store import plans, work
from randteach.store.artifacts import commit_name, folder
from randteach.store.missing import missing as lacking
from randteach.store.session import Session, Sessions
from randteach.store.store import Store
from randteach.store.work import Attempt, Claims
from tests.cli.commands.conftest import Command, planned

DEAD = "dead" * 3  # a session


def files(out: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_store_in_order_has_nothing_to_remove(command: Command, out: Path) -> None:
    before = files(out)
    assert "24 artifacts" in command("verify") and "nothing to remove" in command("gc", "--yes")
    assert files(out) == before


def test_what_no_study_refers_to_goes_when_asked(command: Command, out: Path, store: Store) -> None:
    shutil.rmtree(store.root / "studies" / "small")
    plans.record(store, planned("alpha=0.6", name="other"), "", {})
    before = files(out)
    printed = command("gc")
    # A student with its three snapshots and its state, three probes, and the measures beside these.
    assert "10 artifacts of no recorded study" in printed and "gc --yes" in printed
    assert files(out) == before
    assert "removed" in command("gc", "--yes")
    assert lacking(planned("alpha=0.6").jobs, store) == [] and len(list(store.all())) == 14
    assert command("ls").endswith("11 jobs\n") and "14 artifacts" in command("verify")
    assert "nothing to remove" in command("gc")


def test_what_dead_writers_left_goes_and_what_lives_stays(command: Command, store: Store) -> None:
    artifact = planned().jobs[0].artifacts[0]
    for session in (f"{DEAD}-{1:016x}", "12345678"):
        (store.root / folder(artifact) / session).mkdir()
    Attempt(store, planned().jobs[0].key, DEAD).say("a line")  # its job is made
    later = planned("alpha=0.9")
    plans.record(store, later, "", {})
    Attempt(store, later.jobs[0].key, DEAD).say("a line")  # a start will go on from there
    Claims(store, DEAD, Sessions(store)).take(planned().jobs[1])
    (store.root / "sessions" / DEAD).mkdir(parents=True)
    with Session(store, {"study": "other"}) as session:
        (store.root / folder(artifact) / f"{session.token}-{1:016x}").mkdir()
        printed = command("gc", "--yes")
        assert "2 attempts that were never committed" in printed
        assert "2 unfinished attempts with which nobody goes on" in printed
        assert "1 sessions of sweeps that died" in printed
        left = [path.name for path in (store.root / folder(artifact)).iterdir()]
        assert f"{session.token}-{1:016x}" in left and len(left) == 2
        assert [path.name for path in (store.root / "work").iterdir()] == [later.jobs[0].key]
    assert "24 artifacts" in command("verify")


def test_verify_reports_and_sets_aside_when_asked(command: Command, out: Path, store: Store) -> None:
    job = planned().jobs[0]
    path = next((store.root / folder(job.artifacts[-1])).glob("*/encoder.safetensors"))
    path.write_bytes(path.read_bytes()[:-1])
    before = files(out)
    printed = command("verify", code=1)
    assert f"damaged: {path}" in printed and "24 artifacts" in printed
    assert files(out) == before and lacking(planned().jobs, store) == []
    assert "set aside" in command("verify", "--set-aside", code=1)
    assert [one.key for one in lacking(planned().jobs, store)] == [job.key]
    assert "23 artifacts" in command("verify")
    aside = store.root / "aside" / "distill" / job.artifacts[-1].name
    assert {item.suffix for item in aside.iterdir()} == {"", ".json"}
    assert "1 artifacts that were set aside" in command("gc", "--yes") and not aside.exists()


def test_status_shows_what_runs_and_what_is_made(command: Command, store: Store) -> None:
    assert command("status") == "nothing runs\nsmall: 18 jobs, 18 done, 0 missing\n"
    plans.record(store, planned("alpha=0.3,0.9"), "", {})
    missing = lacking(planned("alpha=0.3,0.9").jobs, store)
    work.record_failure(store, missing[0].key, {"error": "ValueError: no", "log": ["began"]})
    assert "small: 18 jobs, 11 done, 7 missing, 1 of them failed" in command("status")
    assert command("logs", missing[0].key[:8]) == "began\nValueError: no\n"
    running = {"key": missing[0].key, "title": "student", "epoch": 1, "epochs": 2, "loss": 0.5, "seconds": 3}
    with Session(store, {"study": "small"}) as session:
        session.show = lambda: {"running": [running], "counts": "1 of 7 jobs ended"}
        path = store.root / session.folder / "beat.json"
        while not (path.exists() and "running" in json.loads(path.read_text())):
            pass
        printed = command("status")
        assert "1 of 7 jobs ended" in printed and "epoch 1 / 2" in printed and "loss 0.5" in printed
    (store.root / "sessions" / DEAD).mkdir()
    (store.root / "sessions" / DEAD / "about.json").write_text(
        json.dumps(
            {"study": "small", "host": "here", "pid": 2**22, "place": session.about["place"], "started": "1"}
        )
    )
    assert "small on here, process 4194304: died" in command("status")


def test_what_is_skipped_below_a_diverged_student_is_not_missing(command: Command, store: Store) -> None:
    """To `status` as to a start."""
    plan = planned("distill.lr=1e30")
    plans.record(store, plan, "", {})
    for job in lacking(plan.jobs, store):
        for artifact in job.artifacts if job.kind == "distill" else ():
            store.commit(artifact, {}, status="diverged", seconds=1.0, numerics="n")
    assert lacking(plan.jobs, store) == []
    assert "small: 18 jobs, 18 done, 0 missing" in command("status")


def test_states_of_a_recorded_student_stay(store: Store, command: Command) -> None:
    shutil.rmtree(store.root / "studies" / "small")
    plans.record(store, planned("distill.epochs=1"), "", {})
    assert "artifacts of no recorded study" in command("gc", "--yes")
    assert {a.kind for a in store.all() if a.step == 8} == {"state"}
    assert Artifact("state", planned().jobs[0].key, 8) in set(store.all())


def test_files_of_others_and_plans_that_are_none_stop_no_command(
    command: Command, store: Store, out: Path, tmp_path: Path
) -> None:
    """They are said where they matter, and stay; and what such a plan may need stays, too."""
    student = planned().jobs[0]
    digest = plans.last_file(store, "small")
    plans.record(store, planned("alpha=0.6", name="other"), "", {})
    text = (store.root / digest).read_bytes()
    newer = text.replace(b'"jobs": [', b'"jobs": ["a form of tomorrow", ')
    plans.keep(store, "newer", newer, {})
    (store.root / "studies" / "damaged").mkdir()
    (store.root / "studies" / "damaged" / f"{0:016x}.json").write_bytes(b"[" * 10**5)
    (store.root / "studies" / "damaged" / f"{1:016x}.json").mkdir()
    others = ["studies/notes.txt", "studies/.DS_Store", "studies/small/notes.txt", "studies/small/backup/x"]
    others += [f"{digest}~", "work/notes.txt", "failed/notes.txt", "sessions/.DS_Store", "done/.DS_Store"]
    others += [f"failed/{student.key}.json~", "work/backup/x", "sessions/backup/x", "data/notes.txt"]
    for name in others:
        (store.root / name).parent.mkdir(parents=True, exist_ok=True)
        (store.root / name).write_text("mine")
    assert command("ls").endswith("18 jobs\n") and "18 jobs" in command("ls", "--study", "small")
    assert "left out: " in command("show", student.key) and command("logs", student.key)
    assert "small: 18 jobs, 18 done" in command("status")
    assert "small, 24 artifacts" in command("export", "small", str(tmp_path / "x.tar"))
    printed = command("verify", code=1)
    assert printed.count("damaged: ") == 2 and printed.count("unknown: ") == 1 and "24 artifacts" in printed
    shutil.rmtree(store.root / "studies" / "small")  # now all but what `other` needs would be garbage
    printed = command("gc", "--yes")
    assert printed.count("left out: ") == 3 and "of no recorded study" not in printed
    assert "24 artifacts" in command("verify", "--set-aside", code=1)
    assert "0 damaged, 1 unknown" in command("verify")
    assert all((store.root / name).read_text() == "mine" for name in others if "studies/small" not in name)


def test_a_plan_that_is_damaged_is_written_again(store: Store, command: Command) -> None:
    path = store.root / plans.last_file(store, "small")
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert "is no plan, or damaged" in command("ls", "--study", "small")
    plans.keep(store, "small", whole, {})
    assert path.read_bytes() == whole and "0 damaged" in command("verify")


def test_verify_goes_on_to_the_end(command: Command, store: Store) -> None:
    """Whatever stands in a file's place; all is named, set aside when asked, and made again."""
    jobs = planned().jobs
    paths = [next((store.root / folder(job.artifacts[-1])).glob("*/config.json")) for job in jobs[:4]]
    for path in paths:
        path.unlink()
    paths[0].mkdir()
    paths[1].symlink_to(paths[1])
    paths[2].symlink_to("/etc/passwd")
    prefix = store.root / "done" / jobs[-1].kind / jobs[-1].key[:2]
    shutil.rmtree(prefix)
    prefix.write_text("no folder")
    printed = command("verify", code=1)
    assert all(f"damaged: {path}: " in printed for path in [*paths, prefix]) and "5 damaged" in printed
    assert "5 damaged" in command("verify", "--set-aside", code=1) and "0 damaged" in command("verify")
    assert {job.key for job in lacking(planned().jobs, store)} >= {job.key for job in [*jobs[:4], jobs[-1]]}
    assert store.storage.names("aside/stray")


def test_what_a_newer_version_made_is_told_and_stays(command: Command, store: Store) -> None:
    """Though no study refers to it."""
    kind, revised = Artifact("future", "ab" * 12), Artifact("probe", identity.digest("probe/2/{}"))
    store.storage.write(commit_name(kind), b'{"of": "another form"}')
    files_of = {"config.json": b"{}", "metrics.jsonl": b"?", "provenance.json": b"?"}
    store.commit(revised, files_of, status="ok", seconds=1.0, numerics="n")
    store.storage.write(f"{folder(kind)}/{'0' * 16}/file", b"of another form")
    told = f"unknown: future {kind.name}: a kind that this version doesn't know"
    for printed in (command("ls"), command("verify"), command("verify", "--set-aside")):
        assert told in printed and f"unknown: probe {revised.name}: a revision, 2," in printed
        assert "2 unknown" in printed
    assert "a kind that this version doesn't know" in command("show", kind.key, code=2)
    assert "nothing to remove" in command("gc", "--yes")
    assert store.has(kind) and store.has(revised) and store.attempts()[kind] == {"0" * 16}


def test_gc_looks_once_more_before_it_removes(
    command: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study that is started in between needs what was garbage."""
    shutil.rmtree(store.root / "studies" / "small")
    plans.record(store, planned("alpha=0.6", name="other"), "", {})
    remove = upkeep._remove

    def started(*args: Any) -> None:
        plans.record(store, planned("alpha=0.3", name="started"), "", {})
        remove(*args)

    monkeypatch.setattr(upkeep, "_remove", started)
    assert "10 artifacts of no recorded study" in command("gc", "--yes")
    assert lacking(planned().jobs, store) == []
