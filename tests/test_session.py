"""Who is alive: by process on the same machine, by beat elsewhere; never by two clocks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from randteach import session as module
from randteach.session import SILENCE, Session, Sessions, stop_asked
from randteach.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


class Clock:
    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


def foreign(store: Store, token: str, beat: int | None) -> None:
    """A session as one of another machine would be seen."""
    folder = store.root / "sessions" / token
    folder.mkdir(parents=True, exist_ok=True)
    about = {"study": "s", "host": "far", "pid": os.getpid(), "place": "another boot", "started": "1"}
    (folder / "about.json").write_text(json.dumps(about))
    if beat is not None:
        (folder / "beat.json").write_text(json.dumps({"beat": beat}))


def test_a_session_is_alive_until_it_ends(store: Store) -> None:
    sessions = Sessions(store)
    with Session(store, {"study": "s"}) as session:
        assert sessions.tokens() == [session.token]
        assert sessions.alive(session.token) and not sessions.elsewhere()
        assert sessions.about(session.token)["study"] == "s"
    assert sessions.tokens() == [] and not sessions.alive(session.token)
    assert not sessions.alive("") and not sessions.alive("never")


def test_on_the_same_machine_the_process_is_looked_up(store: Store) -> None:
    """Killed, its session is dead at once; a later process of the same number is another one."""
    program = "import sys, time\nfrom randteach.session import Session\nfrom randteach.store import Store\n"
    program += (
        f"with Session(Store({str(store.root)!r}), dict()) as s: print(s.token, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        token, sessions = process.stdout.readline().strip(), Sessions(store)
        assert sessions.alive(token)
        process.kill()
        process.wait()
    assert not sessions.alive(token) and sessions.tokens() == [token]
    path = store.root / "sessions" / token / "about.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": os.getpid()}))
    assert not sessions.alive(token)


def test_elsewhere_a_beat_that_stands_still_is_death(store: Store) -> None:
    clock = Clock()
    sessions = Sessions(store, clock)
    foreign(store, "far", 0)
    assert sessions.elsewhere() == ["far"]
    assert sessions.alive("far")  # seen for the first time: nobody can say
    clock.now += SILENCE - 1
    assert sessions.alive("far")
    foreign(store, "far", 1)
    assert sessions.alive("far")
    clock.now += SILENCE - 1
    assert sessions.alive("far")
    clock.now += 2
    assert not sessions.alive("far")
    foreign(store, "far", 2)  # it was only slow
    assert sessions.alive("far")
    foreign(store, "silent", None)
    assert sessions.alive("silent")
    clock.now += SILENCE + 1
    assert not sessions.alive("silent")


def test_workers_are_asked_to_stop(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with Session(store, {}) as session:
        asked = stop_asked(store, session.token)
        monkeypatch.setattr(module.time, "monotonic", iter(range(1000)).__next__)
        assert not asked() and not session.stopping
        session.stop("because")
        session.stop("otherwise")
        assert session.stopping == "because" and asked()
