"""Results that other code has made: counted, listed, and set aside to be made again."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import randteach
from randteach import identity
from randteach.environment import code
from randteach.errors import UserError
from randteach.identity.artifact import Artifact
from randteach.jobs import made_by
from randteach.jobs.job import Job
from randteach.store import plans, remake
from randteach.store.missing import missing as lacking
from randteach.store.session import Session, Sessions
from randteach.store.store import Store
from randteach.store.work import Attempt, Claims
from tests.cli.commands.conftest import PAIRS, Command, planned
from tests.store.test_session import foreign
from tests.studies import STUDY

OLD = "0123456789ab"
Made = Callable[..., None]
PLAN = planned()
STUDENTS = [job for job in PLAN.jobs if job.kind == "distill"]
BELOW = [job for job in PLAN.jobs if job.parents]
OTHERS = [job for job in PLAN.jobs if job.kind != "distill" and not job.parents]


def fill(store: Store, jobs: list[Job], made_with: str | None = None) -> None:
    """Commit what jobs would have made."""
    for job in jobs:
        for artifact in job.artifacts:
            files = {"config.json": identity.dumps(job.spec).encode(), "metrics.jsonl": b"", "x": b"1"}
            about = {"start": "small/000001", "code": made_with, "commit": "c" * 40, "dirty": True}
            files["provenance.json"] = json.dumps(about if made_with == OLD else {}).encode()
            store.commit(artifact, files, status="ok", seconds=1.0, numerics="n", made_with=made_with)


def keys(artifacts: list[Artifact]) -> set[str]:
    return {artifact.key for artifact in artifacts}


def aside(store: Store) -> set[str]:
    return {path.rpartition("/")[0] for path in store.storage.walk("aside", 3)}


def test_what_other_code_has_made_is_counted_by_listings_alone(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(any_store, STUDENTS[:1], OLD)
    fill(any_store, BELOW[:2], "")  # as older versions did
    fill(any_store, OTHERS)
    monkeypatch.setattr(any_store, "commit_of", None)  # none is read
    monkeypatch.setattr(any_store.storage, "read", None)
    others, unknown = remake.other_code(PLAN.jobs, any_store)
    assert others == list(STUDENTS[0].artifacts) and keys(unknown) == {job.key for job in BELOW[:2]}


def test_an_attempt_names_the_code_that_made_it(any_store: Store) -> None:
    fill(any_store, OTHERS[:1])
    fill(any_store, OTHERS[1:2], "")
    with Session(any_store, {}) as session:
        any_store.commit(
            STUDENTS[0].artifacts[0], {}, status="ok", seconds=1.0, numerics="n", session=session.token
        )
        attempt = any_store.commit_of(STUDENTS[0].artifacts[0]).attempt
    assert attempt.startswith(f"{session.token}-{made_by.digest('distill')}")
    assert code.made_with(attempt) == made_by.digest("distill") != made_by.digest("probe")
    (one,), (two,) = OTHERS[0].artifacts, OTHERS[1].artifacts
    assert code.made_with(any_store.commit_of(one).attempt) == made_by.digest(one.kind)
    assert code.made_with(any_store.commit_of(two).attempt) == ""
    for old in ("0" * 16, f"{session.token}-{'0' * 16}", f"{session.token}-{'0' * 8}"):
        assert code.made_with(old) == ""


def test_the_chosen_and_all_below_them_are_set_aside_whole(any_store: Store) -> None:
    """All below, also of other studies; not what hangs from nothing that was chosen."""
    plans.record(any_store, PLAN, "", {})
    other = planned("alpha=0.3", "probe.neighbours=7", name="other")
    plans.record(any_store, other, "", {})
    theirs = [job for job in other.jobs if job.parents and job.kind == "probe"]  # measures are the same
    fill(any_store, STUDENTS[:1], OLD)
    fill(any_store, [*STUDENTS[1:], *OTHERS, *BELOW, *theirs])
    below = [job for job in [*BELOW, *theirs] if job.parents[0].key == STUDENTS[0].key]
    (first, *_) = STUDENTS[0].artifacts
    attempt = any_store.commit_of(first).attempt
    found = remake.remake(PLAN.jobs, any_store)
    assert (found.chosen, found.below) == (1, len(below)) and len(below) == 9
    assert keys(list(found.artifacts)) == {STUDENTS[0].key, *(job.key for job in below)}
    kinds = [commit.artifact.kind for commit in found.commits]
    assert sorted(kinds[:9]) == ["measure"] * 3 + ["probe"] * 6 and kinds[9:] == ["distill"] * 3
    assert [job.key for job in lacking(PLAN.jobs, any_store, found.artifacts)] == [
        job.key for job in PLAN.jobs if job is STUDENTS[0] or job in below
    ]
    found.set_aside(any_store)
    assert aside(any_store) == {f"{a.kind}/{a.name}" for a in found.artifacts}
    at = f"aside/distill/{first.name}"
    assert set(any_store.storage.names(at)) == {attempt, f"{attempt}.json"}
    assert any_store.storage.read(f"{at}/{attempt}/x") == b"1"
    assert not any(any_store.has(artifact) for artifact in found.artifacts)
    assert not remake.remake(PLAN.jobs, any_store)
    assert remake.other_code(PLAN.jobs, any_store) == ([], [])
    # Made again, and set aside by one who is late: it stays.
    fill(any_store, [STUDENTS[0]])
    found.set_aside(any_store)
    assert any_store.has(first)


def test_plans_that_go_in_a_circle_end() -> None:
    """Two plans, either of which has the other's child as a parent."""
    one, other = (job.entry for job in PLAN.jobs[:2])
    entries = {
        one.key: replace(one, parents=other.artifacts[:1]),
        other.key: replace(other, parents=one.artifacts[:1]),
    }
    assert set(remake._with_all_below({one.key}, entries)) == {one.key, other.key}


def test_a_note_that_is_lost_is_written_again(any_store: Store) -> None:
    fill(any_store, [*STUDENTS, *BELOW])
    any_store.storage.remove(*(f"code/{made_by.digest(kind)}/{kind}" for kind in ("probe", "distill")))
    assert len(keys(remake.other_code(PLAN.jobs, any_store)[1])) == 8
    assert not remake.remake(PLAN.jobs, any_store)
    assert remake.other_code(PLAN.jobs, any_store) == ([], [])


def test_unfinished_attempts_of_other_code_are_not_gone_on_with(any_store: Store) -> None:
    ours = Attempt(any_store, STUDENTS[0].key, "aa" * 6, made_by.digest("distill"))
    theirs = Attempt(any_store, STUDENTS[1].key, "aa" * 6, OLD)
    for attempt in (ours, theirs):
        attempt.say("line")
        attempt.show()
    found = remake.remake(PLAN.jobs, any_store)
    name = theirs.folder.removeprefix("work/")
    assert found.unfinished == [name] and "1 unfinished" in found.text
    found.set_aside(any_store)
    assert any_store.storage.names(f"aside/work/{name}") == ["log.txt"]
    assert any_store.storage.names(f"work/{STUDENTS[0].key}") and not remake.remake(PLAN.jobs, any_store)


def test_what_a_live_sweep_uses_is_left_alone(any_store: Store) -> None:
    other = planned("alpha=0.6", name="other")
    plans.record(any_store, other, "", {})
    fill(any_store, STUDENTS, OLD)
    with Session(any_store, {"study": "other"}) as session:  # which plans one of the students
        with pytest.raises(UserError, match=r"--remake: the sweep of other on .* uses these results"):
            remake.remake(PLAN.jobs, any_store)
        alone = [job for job in STUDENTS if job.labels["alpha"] == 0.3]
        found = remake.remake(alone, any_store)
        assert found.chosen == 1
        assert Claims(any_store, session.token, Sessions(any_store)).take(alone[0])
        with pytest.raises(UserError, match="uses these results"):
            found.set_aside(any_store)
        found.set_aside(any_store, session.token)  # its own
    foreign(any_store, "0123456789ab", 0)  # of another machine: nobody knows yet
    about = {**Sessions(any_store).about("0123456789ab"), "study": "other"}
    any_store.storage.replace("sessions/0123456789ab/about.json", json.dumps(about).encode())
    with pytest.raises(UserError, match="gc --yes"):
        remake.remake(PLAN.jobs, any_store)


def sweep(out: Path, *args: str) -> int:
    settings = ["--preset", "mini", "--local", "--name", "small", "--out", str(out), *PAIRS]
    with pytest.raises(SystemExit) as ended:
        randteach.main(STUDY, [*settings, *args])
    return int(str(ended.value.code))


@pytest.mark.usefixtures("threads")
def test_from_a_plan_to_results_made_again(
    out: Path,
    store: Store,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = "other code has made 18 of these jobs: `randteach ls --other-code` lists them"
    assert sweep(out, "--dry-run") == 0 and "other code" not in capsys.readouterr().out
    assert command("ls", "--other-code") == "0 jobs\n"
    before, commit = made_by.digest("distill"), code.started().commit
    monkeypatch.setattr(made_by, "digest", lambda kind, record="": OLD)
    assert sweep(out, "--dry-run") == 0 and told in capsys.readouterr().out
    listed = command("ls", "--other-code", "alpha=0.3").splitlines()
    assert len(listed) == 9 and all((commit or before)[:12] in line for line in listed[1:-1])
    kept = {artifact: store.commit_of(artifact).attempt for artifact in store.all()}
    assert sweep(out, "--remake", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "18 missing" in printed and "--remake sets aside 18 jobs that other code has made" in printed
    assert sweep(out, "--remake") == 2
    assert "--remake sets aside 18 jobs" in (told := capsys.readouterr().err) and "add --yes" in told
    assert {artifact: store.commit_of(artifact).attempt for artifact in store.all()} == kept
    rows = {artifact: store.rows(artifact) for artifact in kept if artifact.kind != "state"}
    assert sweep(out, "--remake", "--yes") == 0
    assert {artifact: store.rows(artifact) for artifact in rows} == rows  # in truth it is the same code
    assert {code.made_with(store.commit_of(artifact).attempt) for artifact in kept} == {OLD}
    assert len(store.storage.names("aside/distill")) == 6 and command("ls", "--other-code") == "0 jobs\n"
    start = json.loads(store.storage.read("studies/small/runs/000002.json"))
    assert start["code"] == code.digest() and start["start"] == "small/000002" and start["commit"] == commit
    provenance = store.json(next(iter(rows)), "provenance")
    assert provenance["code"] == OLD
    for name in ("start", "commit", "dirty"):
        assert provenance[name] == start[name]


def test_an_import_keeps_which_code_made_it(
    store: Store, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("export", "small", str(tmp_path / "x.tar"))
    ours = {made_by.digest(kind) for kind in ("distill", "probe", "measure")}
    monkeypatch.setattr(made_by, "digest", lambda kind, record="": OLD)
    command("import", str(tmp_path / "x.tar"), at=tmp_path / "there")
    there = Store(tmp_path / "there" / "store")
    assert {code.made_with(there.commit_of(artifact).attempt) for artifact in there.all()} == ours
    assert len(keys(remake.other_code(PLAN.jobs, there)[0])) == 18
