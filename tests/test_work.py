"""What is unfinished: claims, states and failures."""

import os
from pathlib import Path

import pytest
import torch

from randteach import disk, work
from randteach.jobs import Artifact, Job
from randteach.records import Pixels, ProbeSpec, Samples
from randteach.session import Session, Sessions
from randteach.stages.recorder import State
from randteach.store import Store, folder
from randteach.work import Attempt, Claims
from tests.test_session import foreign

SPEC = ProbeSpec(Pixels(), Samples("fashion_mnist", "", 1, 16, 100), 10, 1, 1, 0.1, 0.0, 1, seed=0)
JOB = Job("probe", SPEC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.prepare()
    return store


def claims(store: Store, session: str) -> Claims:
    return Claims(store, session, Sessions(store))


def test_a_live_owner_keeps_its_job_until_it_gives_it_up(store: Store) -> None:
    with Session(store, {}) as one, Session(store, {}) as two:
        ours, theirs = claims(store, one.token), claims(store, two.token)
        assert ours.take(JOB) and ours.take(JOB)
        assert not theirs.take(JOB)
        theirs.release(JOB.key)  # of what it does not have
        assert not theirs.take(JOB) and work.claimed(store, JOB.key, Sessions(store))
        ours.release(JOB.key)
        assert not list((store.root / "work").iterdir())
        assert theirs.take(JOB) and not ours.take(JOB)


def test_a_dead_owners_job_is_taken_by_one_alone(store: Store) -> None:
    assert claims(store, "dead").take(JOB)
    orphan = store.root / folder(JOB.artifacts[0]) / "dead-1234"
    orphan.mkdir(parents=True)
    with Session(store, {}) as one, Session(store, {}) as two:
        alive = store.root / folder(JOB.artifacts[0]) / f"{two.token}-1234"
        alive.mkdir()
        ours, theirs = claims(store, one.token), claims(store, two.token)
        assert ours.take(JOB) and not theirs.take(JOB)
        assert not orphan.exists() and alive.exists()  # what a dead writer left is swept
        ours.release(JOB.key)
        assert not list((store.root / "work").iterdir())


def test_an_owner_of_another_machine_is_waited_for(store: Store) -> None:
    now = [0.0]
    foreign(store, "far", 0)
    assert claims(store, "far").take(JOB)
    with Session(store, {}) as session:
        ours = Claims(store, session.token, Sessions(store, lambda: now[0]))
        for now[0] in (0.0, 30.0, 59.0):
            assert not ours.take(JOB)
        now[0] = 61.0
        assert ours.take(JOB)


def test_a_claim_that_can_not_be_read_is_nobodys(store: Store) -> None:
    """It is there whole or not at all; an empty one is what a power cut has left."""
    place = store.root / "work" / JOB.key
    place.mkdir(parents=True)
    (place / "claim-1.json").touch()
    with Session(store, {}) as session:
        ours = claims(store, session.token)
        assert ours.take(JOB) and sorted(path.name for path in place.iterdir()) == [
            "claim-1.json",
            "claim-2.json",
        ]
        ours.release(JOB.key)
    assert not place.exists()


def state(step: int) -> State:
    return State(step, [{"step": 0, "loss": 0.1 + 0.2}], {"x": torch.full((3,), step / 7)})


def test_two_newest_states_of_an_attempt_are_kept(store: Store) -> None:
    one, two = Attempt(store, "ab", "one"), Attempt(store, "ab", "two")
    for step in (1, 2, 3, 90):
        one.keep(state(step))
    assert work.kept_steps(store, "ab") == [3, 90]
    for step in (4, 5, 6):  # from an earlier step, to make what was not asked for before
        two.keep(state(step))
    assert work.kept_steps(store, "ab") == [5, 6, 90]
    found = work.load(store, "ab", 6)
    assert found and found.rows == state(6).rows
    assert torch.equal(found.tensors["x"], state(6).tensors["x"])
    assert work.load(store, "ab", 4) is None
    two.done(6)
    assert work.kept_steps(store, "ab") == [90]  # a longer training goes on from there
    one.done(90)
    assert not (store.root / "work" / "ab").exists()


def test_the_rows_of_a_state_are_checked_too(store: Store) -> None:
    attempt = Attempt(store, "ab", "one")
    attempt.keep(state(3))
    (path,) = (store.root / attempt.folder).glob("*.json")
    path.write_bytes(path.read_bytes().replace(b"0.3", b"0.4"))
    assert work.load(store, "ab", 3) is None


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
def test_a_state_that_is_not_whole_is_none(store: Store, ending: str) -> None:
    attempt = Attempt(store, "ab", "one")
    attempt.keep(state(3))
    path = store.root / attempt.folder / f"{3:012d}{ending}"
    os.truncate(path, path.stat().st_size - 1)
    assert work.load(store, "ab", 3) is None


def test_a_state_without_room_costs_itself_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = Attempt(store, "ab", "one")
    attempt.keep(state(3))

    def full(path: Path, content: bytes) -> None:
        path.write_bytes(content[:5])
        raise OSError("No space left on device")

    monkeypatch.setattr(disk, "write", full)
    attempt.keep(state(4))
    assert work.kept_steps(store, "ab") == [3]
    assert len(list((store.root / attempt.folder).glob("*.safetensors"))) == 1
    assert "state not kept: No space left" in attempt.lines[-1]


def test_the_log_keeps_its_end(store: Store) -> None:
    attempt = Attempt(store, "ab", "one")
    for number in range(300):
        attempt.say(f"line {number}")
    assert len(attempt.lines) == len(work.log_of(store, "ab")) == work.LOG_LINES
    assert attempt.lines[-1].endswith("line 299") and work.log_of(store, "ab", "one") == attempt.lines
    assert work.log_of(store, "ab", "two") == []


def test_a_failure_is_kept_until_the_job_is_made(store: Store) -> None:
    assert work.failures(store) == [] and work.failure(store, "ab") is None
    work.record_failure(store, "ab", {"error": "no", "log": ["line"]})
    assert work.failures(store) == ["ab"] and work.failure(store, "ab") == {"error": "no", "log": ["line"]}
    work.forget_failure(store, "ab")
    work.forget_failure(store, "ab")
    assert work.failures(store) == []


def test_states_do_not_count_as_artifacts(store: Store) -> None:
    Attempt(store, JOB.key, "one").keep(state(3))
    assert list(store.all()) == [] and not store.has(Artifact("probe", JOB.key))
