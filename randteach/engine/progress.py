"""Show progress: a live table on a terminal, plain lines elsewhere."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from randteach.engine.events import Again, Began, Ended, Event, FoundDamaged, Halted, Reported, Waiting
from randteach.jobs.job import Job

WAITS = 3  # most reasons to wait that are shown at once
AGAIN = {"died": "its worker died", "node": "its node went", "failed": "it failed"}


class Progress:
    """Follows the engine's events; used as a context while jobs run."""

    def __init__(self, console: Console, plan: Sequence[Job]) -> None:
        self.console, self.planned = console, len(plan)
        self.jobs: dict[str, Job] = {}
        self.began = time.monotonic()
        self.running: dict[str, float] = {}
        self.rows: dict[str, Mapping[str, float]] = {}
        self.ended: dict[str, str] = {}
        self.theirs: set[str] = set()  # made by other sweeps
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.failures: dict[str, str] = {}
        self.stopped: dict[str, str] = {}
        self.damaged: list[str] = []
        self.waiting: dict[str, str] = {}  # for what, by key
        self.said: set[str] = set()  # for what, as it was printed
        self.live = Live(get_renderable=self._render, console=console, refresh_per_second=2, transient=True)

    def expect(self, jobs: Sequence[Job]) -> None:
        """Jobs that are to be made now, some perhaps once more."""
        self.jobs = self.jobs | {job.key: job for job in jobs}
        self.damaged.clear()
        for job in jobs:
            self.ended.pop(job.key, None)
            self.theirs.discard(job.key)
            self.failures.pop(job.key, None)

    @property
    def cached(self) -> int:
        """Jobs of the plan that were there already."""
        return self.planned - len(self.jobs)

    @property
    def spent(self) -> float:
        """Seconds of workers that jobs have taken."""
        return sum(map(sum, self.seconds.values()))

    @property
    def counts(self) -> Counter[str]:
        """How many jobs have ended in which way."""
        return Counter(self.ended.values())

    def __enter__(self) -> "Progress":
        if self.console.is_interactive:  # not on a dumb one, which can't move its cursor
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_interactive:  # not on a dumb one, which can't move its cursor
            self.live.stop()

    def handle(self, event: Event) -> None:
        """Take an event of the engine."""
        match event:
            case Began(key):
                self.running[key] = time.monotonic()
            case Reported(key, row):
                self.rows[key] = row
            case Ended():
                self._end(event)
            case Halted(key):
                self._leave(key)
                epoch = self.rows.get(key, {}).get("epoch")
                self.stopped[key] = "stopped" if epoch is None else f"stopped, epoch {epoch:g} was through"
            case Again(key, why):
                self._say(key, f"to be made again, {AGAIN[why]}", self._leave(key))
            case Waiting(key, why):
                self._wait(key, why)
            case FoundDamaged(what=what):
                self.damaged.append(what)
                self._print(f"damaged, set aside, to be made again: {what}")

    def _end(self, event: Ended) -> None:
        """A job has ended for good."""
        key = event.key
        self.waiting.pop(key, None)
        took = self._leave(key)
        self.ended[key] = event.status
        self.theirs |= {key} if event.theirs else set()
        if took:
            self.seconds[self.jobs[key].kind].append(took)
        if event.status == "failed":
            self.failures[key] = event.error
        self._say(key, "made by another sweep" if event.theirs else event.status, took)

    def _leave(self, key: str) -> float:
        """Take a job off the running ones; the seconds that it ran."""
        now = time.monotonic()
        return now - self.running.pop(key, now)

    def _wait(self, key: str, why: str) -> None:
        """Note what a job waits for, and say so once for all that wait for the same."""
        if why:
            self.waiting[key] = why
        else:
            self.waiting.pop(key, None)
        if why and why not in self.said:
            self.said.add(why)
            self._print(f"{self.jobs[key].entry.title} waits: {why}")

    def _say(self, key: str, status: str, took: float) -> None:
        if self.console.is_interactive and self.ended.get(key) == "done":
            return
        left = f", {duration(self.left())} left" if self.left() else ""
        spent = f" in {duration(took)}" if took else ""
        title = self.jobs[key].entry.title
        self._print(f"[{len(self.ended)}/{len(self.jobs)}] {title}: {status}{spent}{left}")

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def snapshot(self) -> dict[str, object]:
        """What runs and how far it is, for those who look on from outside."""
        now = time.monotonic()
        running = [
            {
                "key": key,
                "title": self.jobs[key].entry.title,
                "epoch": self.rows.get(key, {}).get("epoch"),
                "epochs": max(self.jobs[key].steps.values(), default=None),
                "loss": self.rows.get(key, {}).get("loss"),
                "seconds": now - since,
            }
            for key, since in list(self.running.items())
        ]
        return {"running": running, "counts": self._counts()}

    def left(self) -> float:
        """Seconds that the remaining jobs take, from those of their kind that have ended; 0: unknown."""
        if not self.ended:
            return 0.0
        todo = Counter(job.kind for key, job in self.jobs.items() if key not in self.ended)
        if any(not self.seconds.get(kind) for kind in todo):
            return 0.0
        work = sum(count * mean(self.seconds[kind]) for kind, count in todo.items())
        return work / max(1, len(self.running))

    def _render(self) -> RenderableType:
        table = Table(box=None, pad_edge=False)
        for name in ("running", "epoch", "loss", "KL", "moved", "since"):
            table.add_column(name, justify="left" if name == "running" else "right", overflow="fold")
        for key, since in list(self.running.items()):
            job, row = self.jobs[key], self.rows.get(key, {})
            epochs = f"{max(job.steps.values()):g}" if job.steps else ""
            table.add_row(
                job.entry.title,
                f"{row.get('epoch', 0):g} / {epochs}" if epochs else "",
                *(
                    f"{row[name]:.4g}" if isinstance(row.get(name), float) else ""
                    for name in ("loss", "kl", "distance_start_encoder")
                ),
                duration(time.monotonic() - since),
            )
        held = Counter(self.waiting.values()).most_common(WAITS)
        waits = [Text(f"{count} waiting: {why}") for why, count in held]
        return Group(table, *waits, Text(self._counts(), style="bold"))

    def _counts(self) -> str:
        parts = [f"{len(self.ended)} of {len(self.jobs)} jobs ended", f"{self.cached} cached"]
        parts += [f"{count} {status}" for status, count in self.counts.items() if status != "done"]
        parts += [f"{len(self.waiting)} waiting"] if self.waiting else []
        parts.append(f"{duration(time.monotonic() - self.began)} so far")
        left = self.left()
        return ", ".join(parts + ([f"about {duration(left)} left"] if left else []))


def duration(seconds: float) -> str:
    """1.2 s, 12 s, 3 min 05 s, 2 h 10 min, 3 days 4 h."""
    whole = round(seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} days {whole % 86400 // 3600} h"
