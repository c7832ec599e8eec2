"""Keep what a stage hands over: commit results, write states, show rows, and log all of it."""

import json
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from randteach import identity
from randteach.engine.context import Context
from randteach.engine.events import Committed, FoundDamaged, Reported
from randteach.environment import code, numerics
from randteach.errors import Damaged, NoResult, Stopped
from randteach.identity import names
from randteach.identity.artifact import Artifact
from randteach.jobs import made_by
from randteach.jobs.job import Job
from randteach.stages.recorder import Result, Row, State
from randteach.store import contents
from randteach.store.store import tensors
from randteach.store.work import Attempt

VERSIONS = {name: version(name) for name in ("torch", "torchvision", "numpy", "safetensors")}
_INF = float("inf")


class JobRecorder:
    """The recorder of a job's stage."""

    def __init__(self, job: Job, context: Context) -> None:
        self.job, self.context = job, context
        self.record = identity.dumps(job.spec)
        self.made_with = made_by.digest(job.kind, self.record)
        self.attempt = Attempt(context.store, job.key, context.session, self.made_with)
        self.clock, self.opening, self.before = time.monotonic(), 0.0, ""
        self.kept = self.clock

    def start(self) -> None:
        """The job begins: the process is set up as its slot says."""
        precision = getattr(self.job.spec, "precision", "fp32")  # probes and lines have float32 alone
        self.device, self.exact = numerics.set_up(self.job.slot.cpus, self.job.slot.gpus, precision)
        self.attempt.say(f"{self.job.entry.title} on {platform.node()}, {self.device}")

    def begin(self, step: int = 0, before: str = "") -> None:
        """Data and weights are there; from here on time is the stage's own.

        `before`: the numerics of the state that it goes on from.
        """
        self.before = before
        self.opening, self.clock = time.monotonic() - self.clock, time.monotonic()
        self.kept = self.clock
        self.attempt.say(f"data and weights are there, {f'going on from step {step}' if step else 'begins'}")

    def row(self, row: Row) -> None:
        """Show a row."""
        self.context.emit(Reported(self.job.key, row))
        self.attempt.say("  ".join(f"{name} {value:.6g}" for name, value in row.items() if _number(value)))

    def result(self, result: Result) -> None:
        """Commit a result."""
        artifact = Artifact(self.job.kind, self.job.key, result.step)
        files = {
            "config.json": self.record.encode(),
            "metrics.jsonl": self._rows(result),
            "provenance.json": json.dumps(self._provenance()).encode(),
        }
        for name, weights in result.weights.items():
            if not names.fits(names.FILE, f"{name}.safetensors"):
                raise NoResult(f"the stage of {self.job.kind} names weights as no file can be: {name!r}")
            files[f"{name}.safetensors"] = tensors(weights)
        if result.state is not None:
            # Before the snapshot: a snapshot that ends a job always has its state beside it.
            state = {"state.safetensors": tensors(result.state)}
            self._commit(Artifact("state", self.job.key, result.step), state, result.status)
        self._commit(artifact, files, result.status)
        self.context.emit(Committed(self.job.key, artifact.step))
        self.clock, self.opening = time.monotonic(), 0.0

    def _rows(self, result: Result) -> bytes:
        """Metric rows as a store keeps them; NoResult for one that nobody could read."""
        try:
            rows = "".join(map(_line, result.rows)).encode()
            contents.rows(rows)
        except (RuntimeError, TypeError, ValueError) as error:
            raise NoResult(f"the stage of {self.job.kind} gives a row that is none: {error}") from None
        return rows

    def pause(self, state: Callable[[], State] | None = None) -> None:
        """Keep the state where it is time to; Stopped, with the state kept, where the sweep ends."""
        every, stop = self.context.checkpoint_every, self.context.stop()
        if state and (stop or (every and time.monotonic() - self.kept >= every)):
            self.attempt.keep(replace(state(), numerics=self._numerics()))
            self.kept = time.monotonic()
        if stop:
            self.attempt.say("stopped")
            raise Stopped

    def damaged(self, damage: Damaged) -> None:
        """An artifact was not what was written."""
        self.attempt.say(f"damaged, set aside: {damage}")
        self.context.emit(FoundDamaged(self.job.key, str(damage)))

    def done(self, last: int | None) -> None:
        """The job is made, up to its last step."""
        self.attempt.done(last)

    def _commit(self, artifact: Artifact, files: dict[str, bytes], status: str) -> None:
        seconds = time.monotonic() - self.clock
        first = self.context.store.commit(
            artifact,
            files,
            status=status,
            seconds=seconds,
            numerics=self._numerics(),
            session=self.context.session,
            made_with=self.made_with,
        )
        self.attempt.say(f"{artifact.kind} {artifact.name} {'committed' if first else 'was there already'}")

    def _numerics(self) -> str:
        return numerics.joined(self.before, self.exact.digest)

    def _provenance(self) -> dict[str, Any]:
        spent = time.monotonic() - self.clock
        return {
            **vars(self.context.start or code.started()),
            "code": self.made_with,
            "versions": VERSIONS,
            "python": platform.python_version(),
            "host": platform.node(),
            "numerics": vars(self.exact),
            "numerics_before": self.before,
            "loader": self.context.loader,
            "study": self.context.study,
            "began": time.time() - spent,
            "seconds": spent,
            "opening_seconds": self.opening,
            "log": self.attempt.lines,
        }


def _number(value: Any) -> bool:
    return isinstance(value, int | float)


def _line(row: Row) -> str:
    """A JSON line; what is not finite has no spelling in JSON and becomes null."""
    finite = {k: None if v != v or v in (_INF, -_INF) else v for k, v in row.items()}
    return json.dumps(finite, allow_nan=False) + "\n"
