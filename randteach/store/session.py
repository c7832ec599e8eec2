"""A running sweep, as others on the same store see it: alive while its heartbeat changes.

    sessions/TOKEN/about.json   whose it is: study, command, host, process
    sessions/TOKEN/beat.json    a counter, and what runs now; written every few seconds
    sessions/TOKEN/stop         the sweep's workers are to keep their states and end

Whether a session is alive is seen without comparing clocks. On the same machine the process is looked up;
elsewhere, and where another user's processes are hidden (/proc mounted with hidepid), an observer watches the
heartbeat, and a counter that stood still for a minute of the observer's own
monotonic clock is a dead sweep's.
"""

import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from randteach.identity import names
from randteach.storage import Storage, known_json, read_json
from randteach.store.store import GONE, Store

HEARTBEAT = 2.0  # seconds between heartbeats, where looking and writing cost nothing
PIDS = 1 << 22  # numbers that a process can have on Linux
DOUBT = 25.0  # seconds without one after which that is said; one from a bucket may come every ten
SILENCE = 60.0  # seconds without one after which a sweep of another machine counts as dead


class Session:
    """A sweep's own session; used as a context while it runs."""

    def __init__(self, store: Store, about: Mapping[str, Any]) -> None:
        self.token = secrets.token_hex(6)
        self.store, self.storage, self.folder = store, store.storage, f"sessions/{self.token}"
        self.about = {**about, "host": platform.node(), **_process(os.getpid())}
        self.stopping = ""
        self.show: Callable[[], Mapping[str, Any]] = dict  # what runs now
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Session":
        self._appear()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(OSError):
            self.storage.remove(self.folder)

    def stop(self, reason: str) -> None:
        """Ask the sweep's workers to keep their states and end; nothing more is started."""
        self.stopping = self.stopping or reason
        with suppress(OSError):
            self._appear()
            self.storage.replace(f"{self.folder}/stop", b"")

    def _appear(self) -> None:
        """Write the session's files, also after another machine took a long silence for death."""
        # Nobody sees it half made, and takes it for a dead one's.
        self.storage.appear(self.folder, {"about.json": json.dumps(self.about).encode()})

    def _beat(self) -> None:
        count = 0
        while not self._ended.is_set():
            if self.store.gone():
                self.stopping = self.stopping or GONE
                return
            # The disk may be full for a while, or the table change while it is read: try again.
            with suppress(OSError, RuntimeError):
                self._appear()
                content = {"beat": count, **self.show()}
                self.storage.replace(f"{self.folder}/beat.json", json.dumps(content).encode())
            count += 1
            self._ended.wait(heartbeat(self.storage))


class Sessions:
    """All sessions of a store, and which of them are alive."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self.storage, self.clock = store.storage, clock
        self._seen: dict[str, tuple[Any, float]] = {}

    def tokens(self) -> list[str]:
        """All sessions that have not ended by themselves."""
        return [token for token in self.storage.names("sessions") if names.fits(names.TOKEN, token)]

    def about(self, token: str) -> dict[str, Any]:
        """What a session has written of itself, its heartbeat's content included."""
        parts = [read_json(self.storage, f"sessions/{token}/{name}") for name in ("about.json", "beat.json")]
        return {name: value for part in parts for name, value in (part or {}).items()}

    def alive(self, token: str) -> bool:
        """Whether a session may still do something; one that has ended may not.

        What can't be read just now says nothing: to take that for death would rob a sweep of its jobs.
        """
        try:
            return bool(self.life(token))
        except OSError:
            return True

    def life(self, token: str) -> str:
        """How a session is alive, for people; nothing where it isn't. OSError where nobody can tell."""
        about = self._read(token, "about.json") if names.fits(names.TOKEN, token) else None
        if about is None:
            return ""
        who = f"sweep {about.get('study')} on {about.get('host')}, process {about.get('pid')},"
        looked_up = _runs(about)
        if looked_up is not None:
            return f"{who} runs" if looked_up else ""
        found, now = self._read(token, "beat.json"), self.clock()
        count = found and found.get("beat")
        last, since = self._seen.setdefault(token, (count, now))
        if count != last:
            self._seen[token] = count, now
        elif now - since >= SILENCE:
            return ""
        elif now - since >= DOUBT:
            return f"{who} is silent, and counts as dead {SILENCE:.0f} seconds after its last word"
        return f"{who} runs"

    def elsewhere(self) -> list[str]:
        """Sessions of other machines, or hidden, which must be watched for a while to be told dead."""
        return [token for token in self.tokens() if (about := self.about(token)) and _runs(about) is None]

    def remove_dead(self) -> None:
        """Remove what sweeps that are known to be dead have left of their sessions."""
        for token in self.tokens():
            if not self.alive(token):
                with suppress(OSError):
                    self.storage.remove(f"sessions/{token}")

    def _read(self, token: str, name: str) -> dict[str, Any] | None:
        return known_json(self.storage, f"sessions/{token}/{name}")


def heartbeat(storage: Storage) -> float:
    """Seconds between heartbeats."""
    return max(HEARTBEAT, storage.pause)


def stop_asked(store: Store, session: str, clock: Callable[[], float] = time.monotonic) -> Callable[[], bool]:
    """For workers: whether their sweep has asked them to end, or the store has gone.

    Looks twice a second at most, at a bucket every ten seconds.
    """
    name, last = f"sessions/{session}/stop", float("-inf")
    pause = max(0.5, store.storage.pause)

    def asked() -> bool:
        nonlocal last
        if (now := clock()) - last < pause:
            return False
        last = now
        with suppress(OSError):
            return store.storage.exists(name) or store.gone()
        return False

    return asked


def _runs(about: Mapping[str, Any]) -> bool | None:
    """Whether a session's process runs; None where that can't be seen from here."""
    pid, place, here = about.get("pid"), about.get("place"), _place()
    if not here or place != here or not isinstance(pid, int) or not 0 < pid <= PIDS:
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return stat[0] != "Z" and stat[19] == about.get("started")
    except (OSError, IndexError):
        return None if _is_there(pid) else False


def _is_there(pid: int) -> bool:
    """Whether there is a process of the number, though it be hidden: a signal that does nothing finds it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _place() -> str:
    """This boot of this machine and its namespace of processes; nothing where that can't be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _process(pid: int) -> dict[str, Any]:
    """A process, told from any later one of the same number and from those of other machines."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        started = stat[19]
    except (OSError, IndexError):
        started = ""
    return {"pid": pid, "place": _place() if started else "", "started": started}
