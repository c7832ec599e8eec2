"""Unfinished work: who has a job, the states that it can go on from, its log, and how it failed.

    work/KEY/claim-N.json                     the highest N's session has the job
    work/KEY/ATTEMPT/STEP.safetensors, .json  a training's state, and its record (`states.py`)
    work/KEY/ATTEMPT/log.txt                  what the job says
    failed/KEY.json                           the last failure's error and end of log

Claims are taken by exclusive creation, and are advisory: they save work. That no result is wrong or
doubled rests on deterministic jobs and exclusive commits alone.
"""

import errno
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from randteach.identity import names
from randteach.jobs.job import Job
from randteach.stages.recorder import State
from randteach.storage import SMALL, Storage, known_json, read_json
from randteach.store import contents, states
from randteach.store.session import Sessions
from randteach.store.store import Store

UNREAD = 60.0  # seconds for which a job's folder may be out of reach
LOG_LINES = 200  # kept of a job's log
CLAIM = re.compile(r"claim-([1-9][0-9]{0,17})\.json")
LOG = re.compile(rf"({names.WORK})/log\.txt")
FAILURE = re.compile(rf"({names.KEY})\.json")


class Claims:
    """Which jobs a session has, so that others leave them to it."""

    def __init__(
        self, store: Store, session: str, sessions: Sessions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.store, self.session, self.sessions, self.clock = store, session, sessions, clock
        self.storage = store.storage
        self._unread: dict[str, float] = {}  # since when a job's folder is out of reach

    def take(self, job: Job, waits: Callable[[str], None] = lambda why: None) -> bool:
        """Claim a job, a dead sweep's too, and clear away what that left.

        False where a live one has it, or where nobody can tell: it is looked at again, and `waits` is told
        why. OSError where nobody could tell for a minute.
        """
        try:
            taken = self._take(job, waits)
        except OSError as error:
            now = self.clock()
            if now - self._unread.setdefault(job.key, now) >= UNREAD:
                raise
            waits(f"{self.storage.where(f'work/{job.key}')} can't be read ({error.strerror or error})")
            return False
        self._unread.pop(job.key, None)
        return taken

    def _take(self, job: Job, waits: Callable[[str], None]) -> bool:
        folder = f"work/{job.key}"
        for _ in range(3):
            last = _last_claim(self.storage, folder)
            owner = _owner(self.storage, folder, last)
            if owner == self.session:
                break  # its worker has died
            if life := self.sessions.life(owner):
                waits(life)
                return False
            try:
                claim = json.dumps({"session": self.session}).encode()
                self.storage.create(f"{folder}/claim-{last + 1}.json", claim, flushed=False)
            except FileExistsError:
                return False  # taken in this moment
            except FileNotFoundError:
                continue  # given up in this moment, and its folder removed
            except OSError:
                break  # no room for a claim: the worst is work done twice
            if _last_claim(self.storage, folder) != last + 1:
                return False
            break
        else:
            raise FileNotFoundError(errno.ENOENT, "its folder goes whenever it is made", folder)
        if last:  # somebody has been at it
            self._clear(job)
        return True

    def _clear(self, job: Job) -> None:
        """Remove what dead writers have left of the job; its own session has nobody at it yet."""
        for artifact in job.artifacts:
            for kind in {artifact.kind, "state"}:
                at = replace(artifact, kind=kind)
                for name in self.store.abandoned(at, lambda s: s != self.session and self.sessions.alive(s)):
                    with suppress(OSError):
                        self.storage.remove(name)

    def release(self, key: str) -> None:
        """Give up a job that is the session's own."""
        folder = f"work/{key}"
        with suppress(OSError):
            numbers = _claims(self.storage, folder)
            if _owner(self.storage, folder, max(numbers, default=0)) == self.session:
                self.storage.remove(*(f"{folder}/claim-{number}.json" for number in numbers))
                self.storage.prune(folder)


def unfinished(store: Store) -> list[str]:
    """Keys of jobs that are, or were, being worked on."""
    return [name for name in store.storage.names("work") if names.fits(names.KEY, name)]


def claimed(store: Store, key: str, sessions: Sessions) -> bool:
    """Whether a live sweep works on a job."""
    return sessions.alive(owner(store, key))


def owner(store: Store, key: str) -> str:
    """The session that has a job, dead or alive; nothing where none has."""
    folder = f"work/{key}"
    return _owner(store.storage, folder, _last_claim(store.storage, folder))


def _owner(storage: Storage, folder: str, number: int) -> str:
    """The session of a claim; nothing, which is never alive, where there is none to be read."""
    claim = known_json(storage, f"{folder}/claim-{number}.json") if number else None
    return str(claim.get("session", "")) if claim else ""


def _last_claim(storage: Storage, folder: str) -> int:
    return max(_claims(storage, folder), default=0)


def _claims(storage: Storage, folder: str) -> list[int]:
    return [int(found[1]) for name in storage.names(folder) if (found := CLAIM.fullmatch(name))]


class Attempt:
    """One worker's unfinished work on a job."""

    def __init__(self, store: Store, key: str, session: str, made_with: str = "") -> None:
        self.storage, self.key = store.storage, key
        self.folder = f"work/{key}/{session}-{made_with}{secrets.token_hex(4)}"
        self.began = self.shown = time.monotonic()
        self.lines: list[str] = []
        self._new = 0  # lines that the file has not yet

    def say(self, text: str) -> None:
        """A line, or several, of the log: in memory, and in a file for those who look on."""
        now = time.monotonic()
        stamp = f"{now - self.began:9.2f} s  "
        lines = [stamp + line for line in text.splitlines()]
        self.lines, self._new = (self.lines + lines)[-LOG_LINES:], self._new + len(lines)
        if now - self.shown >= self.storage.pause:
            self.show()

    def show(self) -> None:
        """Write all of the log to its file."""
        if self._new:
            with suppress(OSError):
                self.storage.log(f"{self.folder}/log.txt", self.lines, min(self._new, len(self.lines)))
            self.shown, self._new = time.monotonic(), 0

    def keep(self, state: State) -> None:
        """Keep a state; older ones but the last go. One that can't be kept costs no more than itself."""
        try:
            states.write(self.storage, self.key, self.folder, state)
        except OSError as error:
            self.say(f"step {state.step}: state not kept: {error}")
            return
        self.say(f"step {state.step}: state kept")
        states.tidy(self.storage, self.key, self.folder, state.step)

    def done(self, last: int | None = None) -> None:
        """The job is made, up to a step: nothing unfinished is left of it, by whomever, but later states."""
        folder = f"work/{self.key}"
        with suppress(OSError):
            found = states.records(self.storage, self.key)
            made = [path for path in found if last is None or states.step_of(path) <= last]
            states.drop(self.storage, made)
            going_on = {PurePath(path).parent.name for path in found if path not in made}
            for name in self.storage.names(folder):
                if names.fits(names.WORK, name) and name not in going_on:
                    self.storage.remove(f"{folder}/{name}")
            self.storage.prune(folder)  # where nobody claims it


def log_of(store: Store, key: str, session: str = "") -> list[str]:
    """The end of the newest log of a job's unfinished attempts, of a session's own where one is named."""
    with suppress(OSError, ValueError):
        paths = [name for name in store.storage.walk(f"work/{key}", 2) if LOG.fullmatch(name)]
        logs = [f"work/{key}/{name}" for name in paths if name.startswith(session)]
        newest = max(logs, key=store.storage.changed)
        return store.storage.read(newest, SMALL).decode(errors="replace").splitlines()[-LOG_LINES:]
    return []


def record_failure(store: Store, key: str, about: Mapping[str, Any]) -> None:
    """Keep how a job failed."""
    with suppress(OSError):  # a full disk: it is shown all the same
        store.storage.replace(f"failed/{key}.json", json.dumps(about).encode())


def failure(store: Store, key: str) -> dict[str, Any] | None:
    """How a job failed last, its `error` and `log`; None where it has not, or has been made since."""
    about = read_json(store.storage, f"failed/{key}.json")
    if about is None:
        return None
    error, log = about.get("error"), about.get("log")
    log = log if contents.is_lines(log) else []
    return about | {"error": error if isinstance(error, str) else "", "log": log}


def failures(store: Store) -> list[str]:
    """Keys of jobs that have failed and not been made since."""
    return [found[1] for name in store.storage.names("failed") if (found := FAILURE.fullmatch(name))]


def forget_failure(store: Store, key: str) -> None:
    """The job has been made."""
    with suppress(OSError):
        store.storage.remove(f"failed/{key}.json")
