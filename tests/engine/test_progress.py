"""What a sweep shows while it runs."""

import io
from pathlib import Path
from types import SimpleNamespace

from rich.console import Console

from randteach.cli import closing
from randteach.engine.events import Ended, Waiting
from randteach.engine.progress import Progress
from tests.standin import probe


def shown(progress: Progress) -> str:
    """The live table, as text."""
    said = io.StringIO()
    Console(file=said, width=200).print(progress._render())
    return said.getvalue()


def test_for_what_jobs_wait_is_shown() -> None:
    """In lines once for each reason, in the table and in the counts as long as it holds."""
    said, jobs = io.StringIO(), [probe(n) for n in range(3)]
    progress = Progress(Console(file=said, width=200), jobs)
    progress.expect(jobs)
    for job in jobs:
        progress.handle(Waiting(job.key, "sweep other runs"))
    assert said.getvalue().count("waits: sweep other runs") == 1
    assert "3 waiting: sweep other runs" in shown(progress)
    progress.handle(Waiting(jobs[0].key, ""))
    progress.handle(Ended(jobs[1].key, "done", "", False))
    assert "1 waiting: sweep other runs" in shown(progress)
    counts = str(progress.snapshot()["counts"])
    assert "1 of 3 jobs ended" in counts and "1 waiting" in counts
    progress.handle(Waiting(jobs[2].key, ""))
    assert "waiting" not in shown(progress)


def test_what_other_sweeps_made_is_counted_apart(tmp_path: Path) -> None:
    said, jobs = io.StringIO(), [probe(n) for n in range(4)]
    console = Console(file=said, width=200)
    progress = Progress(console, jobs)
    progress.expect(jobs[1:])
    for job, theirs in zip(jobs[1:], (False, True, True), strict=True):
        progress.handle(Ended(job.key, "done", "", theirs))
    assert said.getvalue().count("made by another sweep") == 2
    plan, request = SimpleNamespace(study="s"), SimpleNamespace(out=tmp_path, address=None, estimated=None)
    closing.show(console, plan, progress, request, "", True)  # type: ignore[arg-type]
    assert "s: 1 made, 1 cached, 2 made by other sweeps" in said.getvalue()
