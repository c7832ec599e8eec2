"""Who is alive: by process on the same machine, by heartbeat elsewhere; never by two clocks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from randteach.store.session import SILENCE, Session, Sessions, stop_asked
from randteach.store.store import Store

FAR, SILENT = "fa" * 6, "51" * 6


class Clock:
    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


def foreign(store: Store, token: str, beat: int | None) -> None:
    """A session as one of another machine would be seen."""
    folder = f"sessions/{token}"
    about = {"study": "s", "host": "far", "pid": os.getpid(), "place": "another boot", "started": "1"}
    store.storage.replace(f"{folder}/about.json", json.dumps(about).encode())
    if beat is not None:
        store.storage.replace(f"{folder}/beat.json", json.dumps({"beat": beat}).encode())


def test_a_session_is_alive_until_it_ends(any_store: Store) -> None:
    sessions = Sessions(any_store)
    with Session(any_store, {"study": "s"}) as session:
        assert sessions.tokens() == [session.token]
        assert sessions.alive(session.token) and not sessions.elsewhere()
        assert sessions.about(session.token)["study"] == "s"
    assert sessions.tokens() == [] and not sessions.alive(session.token)
    assert not sessions.alive("") and not sessions.alive("00" * 6)


def test_on_the_same_machine_the_process_is_looked_up(any_store: Store) -> None:
    """Killed, its session is dead at once; a later process of the same number is another one."""
    program = "import sys, time\nfrom randteach.store.session import Session\n"
    program += "from randteach.store.store import Store\n"
    program += (
        f"with Session(Store({any_store.address!r}), dict()) as s: print(s.token, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        token, sessions = process.stdout.readline().strip(), Sessions(any_store)
        assert sessions.alive(token)
        process.kill()
        process.wait()
    assert not sessions.alive(token) and sessions.tokens() == [token]
    name = f"sessions/{token}/about.json"
    about = json.loads(any_store.storage.read(name))
    any_store.storage.replace(name, json.dumps({**about, "pid": os.getpid()}).encode())
    assert not sessions.alive(token)


def test_elsewhere_a_beat_that_stands_still_is_death(any_store: Store) -> None:
    clock = Clock()
    sessions = Sessions(any_store, clock)
    foreign(any_store, FAR, 0)
    assert sessions.elsewhere() == [FAR]
    assert sessions.alive(FAR)  # seen for the first time: nobody can say
    clock.now += SILENCE - 1
    assert sessions.alive(FAR)
    foreign(any_store, FAR, 1)
    assert sessions.alive(FAR)
    clock.now += SILENCE - 1
    assert sessions.alive(FAR)
    clock.now += 2
    assert not sessions.alive(FAR)
    foreign(any_store, FAR, 2)  # it was only slow
    assert sessions.alive(FAR)
    foreign(any_store, SILENT, None)
    assert sessions.alive(SILENT)
    clock.now += SILENCE + 1
    assert not sessions.alive(SILENT)


@pytest.mark.parametrize("hidden", [FileNotFoundError, PermissionError])
def test_a_process_that_is_hidden_lives_as_long_as_it_beats(
    hidden: type[OSError], any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With /proc mounted hidepid another user's processes are not to be seen; a signal still finds them."""
    there = {4242: PermissionError, 4343: ProcessLookupError}
    read = Path.read_text

    def read_text(path: Path, *args: Any, **options: Any) -> str:
        if str(path).startswith(("/proc/4242/", "/proc/4343/")):
            raise hidden(str(path))
        return read(path, *args, **options)

    def kill(pid: int, signal: int) -> None:
        raise there[pid]

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(os, "kill", kill)
    with Session(any_store, {}) as session:
        place = session.about["place"]
    for token, pid in ((FAR, 4242), (SILENT, 4343)):
        about = json.dumps({"pid": pid, "place": place, "started": "1"}).encode()
        any_store.storage.replace(f"sessions/{token}/about.json", about)
        any_store.storage.replace(f"sessions/{token}/beat.json", b'{"beat": 0, "loss": NaN}')
    clock = Clock()
    sessions = Sessions(any_store, clock)
    assert sessions.alive(FAR) and not sessions.alive(SILENT)  # of that number there is no process
    assert sessions.elsewhere() == [FAR]  # to be watched
    clock.now += SILENCE - 1
    any_store.storage.replace(f"sessions/{FAR}/beat.json", b'{"beat": 1, "loss": NaN}')
    assert sessions.alive(FAR)
    clock.now += SILENCE + 1
    assert not sessions.alive(FAR)


@pytest.mark.parametrize(
    "about",
    [b"", b"[]", b"{", b"[" * 10**5, b"{}", b'{"pid": "../1", "place": 1}', b'{"pid": -1}', b'{"pid": 1e9}'],
)
def test_whatever_a_session_says_is_borne(about: bytes, any_store: Store) -> None:
    """Also names that are no tokens, which are somebody else's and stay."""
    any_store.storage.replace(f"sessions/{FAR}/about.json", about)
    any_store.storage.replace(f"sessions/{FAR}/beat.json", about)
    any_store.storage.write("sessions/notes.txt", b"mine")
    sessions = Sessions(any_store)
    assert sessions.tokens() == [FAR]
    assert sessions.alive(FAR) == about.startswith((b"{}", b'{"')) and isinstance(sessions.about(FAR), dict)
    for token in ("..", "../x", "/x", "", "notes.txt", FAR.upper()):
        assert not sessions.alive(token)
    sessions.remove_dead()
    assert any_store.storage.exists("sessions/notes.txt")


def test_workers_are_asked_to_stop(any_store: Store) -> None:
    with Session(any_store, {}) as session:
        asked = stop_asked(any_store, session.token, iter(range(0, 10000, 11)).__next__)
        assert not asked() and not session.stopping
        session.stop("because")
        session.stop("otherwise")
        assert session.stopping == "because" and asked()
