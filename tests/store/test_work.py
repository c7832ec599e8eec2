"""What is unfinished: claims, states and failures."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from randteach.environment import disk
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Job
from randteach.specs import Pixels, ProbeSpec, Samples
from randteach.stages.recorder import State
from randteach.store import states, work
from randteach.store.artifacts import folder
from randteach.store.session import Session, Sessions
from randteach.store.store import Store
from randteach.store.work import Attempt, Claims
from tests.store.test_session import foreign

SPEC = ProbeSpec(Pixels(), Samples("fashion_mnist", "", 1, 16, 100), 10, 1, 1, 0.1, 0.0, 1, seed=0)
JOB = Job("probe", SPEC)
DEAD, FAR = "dead" * 3, "fa" * 6  # sessions


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.prepare()
    return store


def claims(store: Store, session: str) -> Claims:
    return Claims(store, session, Sessions(store))


def test_a_live_owner_keeps_its_job_until_it_gives_it_up(any_store: Store) -> None:
    with Session(any_store, {}) as one, Session(any_store, {}) as two:
        ours, theirs = claims(any_store, one.token), claims(any_store, two.token)
        assert ours.take(JOB) and ours.take(JOB)
        assert not theirs.take(JOB)
        theirs.release(JOB.key)  # of what it does not have
        assert not theirs.take(JOB) and work.claimed(any_store, JOB.key, Sessions(any_store))
        ours.release(JOB.key)
        assert not any_store.storage.names("work")
        assert theirs.take(JOB) and not ours.take(JOB)


def test_for_what_a_job_waits_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that runs, a silent one of another machine, a folder that can't be read (which ends)."""
    now, why = [0.0], list[str]()

    def clock() -> float:
        return now[0]

    with Session(store, {"study": "one"}) as one, Session(store, {}) as two:
        assert claims(store, one.token).take(JOB)
        sessions = Sessions(store, clock)
        ours = Claims(store, two.token, sessions, clock)
        assert not ours.take(JOB, why.append)
        assert why.pop().startswith("sweep one on ") and not why
        claims(store, one.token).release(JOB.key)

        foreign(store, FAR, 0)
        assert claims(store, FAR).take(JOB)
        for now[0] in (0.0, 30.0):
            assert not ours.take(JOB, why.append)
        assert why[0].endswith(" runs") and "is silent, and counts as dead 60 seconds" in why[1]
        store.storage.remove(f"work/{JOB.key}")

        def away(*args: str) -> list[str]:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(store.storage, "names", away)
        for now[0] in (100.0, 150.0):
            assert not ours.take(JOB, why.append)
        assert why[-1] == f"{store.address}/work/{JOB.key} can't be read (Permission denied)"
        now[0] = 160.0
        with pytest.raises(PermissionError):
            ours.take(JOB, why.append)
        monkeypatch.undo()
        assert ours.take(JOB)


def test_a_dead_owners_job_is_taken_by_one_alone(any_store: Store) -> None:
    assert claims(any_store, DEAD).take(JOB)
    orphan = f"{folder(JOB.artifacts[0])}/{DEAD}-12345678"
    any_store.storage.write(f"{orphan}/x", b"x")
    with Session(any_store, {}) as one, Session(any_store, {}) as two:
        alive = f"{two.token}-12345678"
        any_store.storage.write(f"{folder(JOB.artifacts[0])}/{alive}/x", b"x")
        ours, theirs = claims(any_store, one.token), claims(any_store, two.token)
        assert ours.take(JOB) and not theirs.take(JOB)
        assert any_store.storage.names(folder(JOB.artifacts[0])) == [alive]  # a dead writer's is swept
        ours.release(JOB.key)
        assert not any_store.storage.names("work")


def test_an_owner_of_another_machine_is_waited_for(any_store: Store) -> None:
    now = [0.0]
    foreign(any_store, FAR, 0)
    assert claims(any_store, FAR).take(JOB)
    with Session(any_store, {}) as session:
        ours = Claims(any_store, session.token, Sessions(any_store, lambda: now[0]))
        for now[0] in (0.0, 30.0, 59.0):
            assert not ours.take(JOB)
        now[0] = 61.0
        assert ours.take(JOB)


def test_a_claim_that_is_overtaken_in_the_same_moment_is_none(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = any_store.storage.create
    with Session(any_store, {}) as one, Session(any_store, {}) as two:

        def overtaken(name: str, content: bytes, **options: bool) -> None:
            create(name, content, **options)
            create(
                name.replace("claim-1", "claim-2"), content.replace(one.token.encode(), two.token.encode())
            )

        with monkeypatch.context() as together:
            together.setattr(any_store.storage, "create", overtaken)
            assert not claims(any_store, one.token).take(JOB)
        assert claims(any_store, two.token).take(JOB) and work.owner(any_store, JOB.key) == two.token


def test_a_claim_that_can_not_be_read_is_nobodys(any_store: Store) -> None:
    """It is there whole or not at all; an empty one is what a power cut has left."""
    place = f"work/{JOB.key}"
    any_store.storage.write(f"{place}/claim-1.json", b"")
    with Session(any_store, {}) as session:
        ours = claims(any_store, session.token)
        assert ours.take(JOB) and any_store.storage.names(place) == [
            "claim-1.json",
            "claim-2.json",
        ]
        ours.release(JOB.key)
    assert not any_store.storage.names(place)


def test_what_can_not_be_read_now_is_not_dead(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is away for a while must not make one sweep rob another of its jobs."""

    def away(name: str, most: int | None = None) -> bytes:
        raise OSError(f"{name}: the server is busy")

    foreign(any_store, FAR, 0)
    assert claims(any_store, FAR).take(JOB)
    with Session(any_store, {}) as session:
        sessions = Sessions(any_store, lambda: 1e9)
        with monkeypatch.context() as broken:
            broken.setattr(any_store.storage, "read", away)
            assert sessions.alive(FAR) and sessions.about(FAR) == {}
            sessions.remove_dead()
            assert not Claims(any_store, session.token, sessions).take(JOB)
        assert FAR in sessions.tokens()


def state(step: int) -> State:
    return State(step, [{"step": 0, "loss": 0.1 + 0.2}], {"x": torch.full((3,), step / 7)})


def test_two_newest_states_of_an_attempt_are_kept(any_store: Store) -> None:
    one, two = Attempt(any_store, JOB.key, DEAD), Attempt(any_store, JOB.key, FAR)
    for step in (1, 2, 3, 90):
        one.keep(state(step))
    assert states.kept_steps(any_store, JOB.key) == [3, 90]
    for step in (4, 5, 6):  # from an earlier step, to make what was not asked for before
        two.keep(state(step))
    assert states.kept_steps(any_store, JOB.key) == [5, 6, 90]
    found = states.load(any_store, JOB.key, 6)
    assert found and found.rows == state(6).rows
    assert torch.equal(found.tensors["x"], state(6).tensors["x"])
    assert states.load(any_store, JOB.key, 4) is None
    two.done(6)
    assert states.kept_steps(any_store, JOB.key) == [90]  # a longer training goes on from there
    one.done(90)
    assert not any_store.storage.names("work")


def test_the_rows_of_a_state_are_checked_too(any_store: Store) -> None:
    attempt = Attempt(any_store, JOB.key, DEAD)
    attempt.keep(state(3))
    name = f"{attempt.folder}/{3:012d}.json"
    any_store.storage.replace(name, any_store.storage.read(name).replace(b"0.3", b"0.4"))
    assert states.load(any_store, JOB.key, 3) is None


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
@pytest.mark.parametrize("damage", [lambda text: text[:-1], lambda text: text[:-1] + bytes([text[-1] ^ 1])])
def test_a_state_that_is_not_whole_is_none(
    any_store: Store, ending: str, damage: Callable[[bytes], bytes]
) -> None:
    """Cut off, or with one bit of its last weight, or of its record's end, turned."""
    attempt = Attempt(any_store, JOB.key, DEAD)
    attempt.keep(state(3))
    name = f"{attempt.folder}/{3:012d}{ending}"
    any_store.storage.replace(name, damage(any_store.storage.read(name)))
    assert states.load(any_store, JOB.key, 3) is None


def test_a_state_without_room_costs_itself_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = Attempt(store, JOB.key, DEAD)
    attempt.keep(state(3))

    def full(path: Path, content: bytes) -> None:
        path.write_bytes(content[:5])
        raise OSError("No space left on device")

    monkeypatch.setattr(disk, "write", full)
    attempt.keep(state(4))
    assert states.kept_steps(store, JOB.key) == [3]
    assert len(list((store.root / attempt.folder).glob("*.safetensors"))) == 1
    assert "state not kept: No space left" in attempt.lines[-1]


def test_a_state_that_is_kept_twice_stays(any_store: Store) -> None:
    """At one step, whole or what a full disk has left of it."""
    attempt = Attempt(any_store, JOB.key, DEAD)
    for _ in range(2):
        attempt.keep(state(3))
        found = states.load(any_store, JOB.key, 3)
        assert found and torch.equal(found.tensors["x"], state(3).tensors["x"])
    name = f"{attempt.folder}/{3:012d}.safetensors"
    any_store.storage.replace(name, any_store.storage.read(name)[:-1])
    attempt.keep(state(3))
    assert states.load(any_store, JOB.key, 3) and "not kept" not in "".join(attempt.lines)


def test_a_state_lasts_before_its_record_counts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file, and every folder up to the store's own, are on the disk before the record gets its name."""
    attempt = Attempt(store, JOB.key, DEAD)
    flushed: list[str] = []
    flush, link = os.fsync, os.link

    def note(handle: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{handle}").removeprefix(f"{store.root}/"))
        flush(handle)

    def linked(source: Path, target: Path) -> None:
        here = [f"{attempt.folder}/{3:012d}.safetensors", attempt.folder, f"work/{JOB.key}", "work"]
        assert flushed[:4] == here and Path(flushed[4]).name == source.name
        link(source, target)
        flushed.append("LINKED")

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "link", linked)
    attempt.keep(state(3))
    assert flushed[-2:] == ["LINKED", attempt.folder]


def test_what_is_not_a_state_is_passed_over(any_store: Store) -> None:
    attempt = Attempt(any_store, JOB.key, DEAD)
    attempt.keep(state(3))
    name, ours = f"{attempt.folder}/{3:012d}.json", any_store.storage
    for other in (f"{name}~", f"{attempt.folder}/notes.json", f"work/{JOB.key}/notes/{4:012d}.json"):
        ours.write(other, b"{}")
    assert states.kept_steps(any_store, JOB.key) == [3]
    for record in (b"[]", b"[" * 10**5, b'{"size": 1e999}', b'{"size": 3, "rows": 4, "sha256": "x"}'):
        ours.replace(name, record)
        assert states.load(any_store, JOB.key, 3) is None


def test_the_log_keeps_its_end(any_store: Store) -> None:
    attempt = Attempt(any_store, JOB.key, DEAD)
    for number in range(300):
        attempt.say(f"line {number}")
    attempt.show()
    assert len(attempt.lines) == len(work.log_of(any_store, JOB.key)) == work.LOG_LINES
    assert attempt.lines[-1].endswith("line 299") and work.log_of(any_store, JOB.key, DEAD) == attempt.lines
    assert work.log_of(any_store, JOB.key, FAR) == []


def test_a_failure_is_kept_until_the_job_is_made(any_store: Store) -> None:
    assert work.failures(any_store) == [] and work.failure(any_store, JOB.key) is None
    work.record_failure(any_store, JOB.key, {"error": "no", "log": ["line"]})
    assert work.failures(any_store) == [JOB.key] and work.failure(any_store, JOB.key) == {
        "error": "no",
        "log": ["line"],
    }
    work.forget_failure(any_store, JOB.key)
    work.forget_failure(any_store, JOB.key)
    assert work.failures(any_store) == []


def test_states_do_not_count_as_artifacts(store: Store) -> None:
    Attempt(store, JOB.key, DEAD).keep(state(3))
    assert list(store.all()) == [] and not store.has(Artifact("probe", JOB.key))
