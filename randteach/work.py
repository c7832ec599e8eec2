"""What is unfinished: who is at a job, the states from which it can go on, its log, and how it failed.

    work/KEY/claim-N.json                     the highest N's session has the job
    work/KEY/ATTEMPT/STEP.safetensors, .json  a training's state, and its size, checksum and rows
    work/KEY/ATTEMPT/log.txt                  what the job says
    failed/KEY.json                           the last failure's error and end of log

Claims are taken by exclusive creation, and are advisory: they save work. That no result is wrong or
doubled rests on deterministic jobs and exclusive commits alone.
"""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch

from randteach import disk
from randteach.jobs import Job
from randteach.marker import sealed, unsealed
from randteach.session import Sessions
from randteach.stages.recorder import State
from randteach.store import Store, tensors

KEPT = 2  # states of a job: the newest, and the one before in case that one is not whole
LOG_LINES = 200  # kept of a job's log


class Claims:
    """Which jobs a session has, so that others leave them to it."""

    def __init__(self, store: Store, session: str, sessions: Sessions) -> None:
        self.store, self.session, self.sessions = store, session, sessions

    def take(self, job: Job) -> bool:
        """Claim a job, a dead sweep's too, and clear away what that left; False where a live one has it."""
        folder = self.store.root / "work" / job.key
        for _ in range(3):
            last = _last_claim(folder)
            owner = _owner(folder, last) if last else ""
            if owner == self.session:
                break  # its worker has died
            if self.sessions.alive(owner):
                return False
            try:
                folder.mkdir(parents=True, exist_ok=True)
                claim = json.dumps({"session": self.session}).encode()
                disk.create(folder / f"claim-{last + 1}.json", claim, flushed=False)
            except FileExistsError:
                return False
            except FileNotFoundError:
                continue  # given up in this moment, and its folder removed
            except OSError:
                break  # no room for a claim: the worst is work done twice
            if _last_claim(folder) != last + 1:
                return False
            break
        self._clear(job)
        return True

    def _clear(self, job: Job) -> None:
        """Remove what dead writers have left of the job; its own session has nobody at it yet."""
        for artifact in job.artifacts:
            for kind in {artifact.kind, "state"}:
                at = replace(artifact, kind=kind)
                for path in self.store.abandoned(at, lambda s: s != self.session and self.sessions.alive(s)):
                    shutil.rmtree(path, ignore_errors=True)

    def release(self, key: str) -> None:
        """Give up a job that is the session's own."""
        folder = self.store.root / "work" / key
        if _owner(folder, _last_claim(folder)) != self.session:
            return
        for name in disk.names(folder):
            if name.startswith("claim-"):
                with suppress(OSError):
                    (folder / name).unlink()
        with suppress(OSError):
            folder.rmdir()  # where nothing is left of it


def claimed(store: Store, key: str, sessions: Sessions) -> bool:
    """Whether a live sweep is at a job."""
    folder = store.root / "work" / key
    return sessions.alive(_owner(folder, _last_claim(folder)))


def _owner(folder: Path, number: int) -> str:
    """The session of a claim; nothing, which is never alive, where there is none to be read."""
    claim = disk.read_json(folder / f"claim-{number}.json")
    return str(claim.get("session", "")) if isinstance(claim, dict) else ""


def _last_claim(folder: Path) -> int:
    numbers = [name[6:-5] for name in disk.names(folder) if name.startswith("claim-")]
    return max(map(int, numbers), default=0)


class Attempt:
    """One worker's unfinished work on a job."""

    def __init__(self, store: Store, key: str, session: str) -> None:
        self.store, self.key = store, key
        self.folder = store.root / "work" / key / f"{session}-{secrets.token_hex(4)}"
        self.began = time.monotonic()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """A line, or several, of the log: in memory, and in a file for those who look on."""
        stamp = f"{time.monotonic() - self.began:9.2f} s  "
        lines = [stamp + line for line in text.splitlines()]
        self.lines = (self.lines + lines)[-LOG_LINES:]
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self.folder / "log.txt", "a") as file:
                file.writelines(line + "\n" for line in lines)

    def keep(self, state: State) -> None:
        """Keep a state; older ones but the last go. One that can't be kept costs no more than itself."""
        content, name = tensors(state.tensors), f"{state.step:012d}"
        about = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "rows": state.rows}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            disk.write(self.folder / f"{name}.safetensors", content)
            disk.create(self.folder / f"{name}.json", sealed(about))
        except OSError as error:
            self.say(f"step {state.step}: state not kept: {error}")
            _drop(self.folder / f"{name}.json")
            return
        self.say(f"step {state.step}: state kept")
        states = _states(self.store, self.key)
        mine = [path for path in states if path.parent == self.folder]
        others = [path for path in states if path not in mine and int(path.stem) <= state.step]
        for path in [*mine[KEPT:], *others]:
            _drop(path)

    def done(self, last: int | None = None) -> None:
        """The job is made, up to a step: nothing unfinished is left of it, by whomever, but later states."""
        folder = self.folder.parent
        for path in _states(self.store, self.key):
            if last is None or int(path.stem) <= last:
                _drop(path)
        for name in disk.names(folder):
            if not name.startswith("claim-") and not list((folder / name).glob("*.json")):
                shutil.rmtree(folder / name, ignore_errors=True)
        with suppress(OSError):
            folder.rmdir()  # where nobody claims it


def _drop(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.with_suffix(".safetensors").unlink(missing_ok=True)


def kept_steps(store: Store, key: str) -> list[int]:
    """Steps at which unfinished attempts have left a state."""
    return sorted({int(path.stem) for path in _states(store, key)})


def load(store: Store, key: str, step: int) -> State | None:
    """The state at a step; None where it is not whole any more."""
    for path in _states(store, key):
        if int(path.stem) != step:
            continue
        try:
            about = unsealed(path.read_bytes())
            content = path.with_suffix(".safetensors").read_bytes()
            if hashlib.sha256(content).hexdigest() == about["sha256"] and len(content) == about["size"]:
                return State(step, about["rows"], safetensors.torch.load(content))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _states(store: Store, key: str) -> list[Path]:
    """The states' records, the newest first."""
    return sorted(store.root.glob(f"work/{key}/*/[0-9]*.json"), key=lambda path: path.name, reverse=True)


def log_of(store: Store, key: str, session: str = "") -> list[str]:
    """The end of the newest log of a job's unfinished attempts, of a session's own where one is named."""
    with suppress(OSError, IndexError):
        found = store.root.glob(f"work/{key}/{session}*/log.txt")
        logs = sorted(found, key=lambda path: path.stat().st_mtime_ns)
        return logs[-1].read_text(errors="replace").splitlines()[-LOG_LINES:]
    return []


def record_failure(store: Store, key: str, about: Mapping[str, Any]) -> None:
    """Keep how a job failed."""
    with suppress(OSError):  # a full disk: it is shown all the same
        (store.root / "failed").mkdir(exist_ok=True)
        disk.replace(store.root / "failed" / f"{key}.json", json.dumps(about).encode())


def failure(store: Store, key: str) -> dict[str, Any] | None:
    """How a job failed last; None where it has not, or has been made since."""
    content: dict[str, Any] | None = disk.read_json(store.root / "failed" / f"{key}.json")
    return content


def failures(store: Store) -> list[str]:
    """Keys of jobs that have failed and not been made since."""
    return [name.removesuffix(".json") for name in disk.names(store.root / "failed")]


def forget_failure(store: Store, key: str) -> None:
    """The job has been made."""
    with suppress(OSError):
        os.unlink(store.root / "failed" / f"{key}.json")
