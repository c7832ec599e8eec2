"""The last lines of a start: what was made, what failed, where to look, how to go on."""

from typing import TYPE_CHECKING

from rich.console import Console

from randteach.engine.progress import Progress, duration
from randteach.environment import paths
from randteach.jobs.study import Plan

if TYPE_CHECKING:
    from randteach.cli.run import Request


def show(
    console: Console, plan: Plan, progress: Progress, request: "Request", stopping: str, whole: bool
) -> None:
    """Print them. `stopping` says why the start ended early; `whole`, that all of the plan is made."""

    def say(text: str, style: str = "") -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    counts = progress.counts
    theirs = len(progress.theirs)
    parts = [f"{counts['done'] - theirs} made", f"{progress.cached} cached"]
    parts += [f"{theirs} made by other sweeps"] if theirs else []
    parts += [f"{count} {status}" for status, count in counts.items() if status != "done"]
    left = len(progress.jobs) - counts.total()
    if left:
        parts.append(f"{left} not made")
    say(f"{plan.study}: {', '.join(parts)}", "bold")
    if request.estimated and whole:
        spent, told = duration(progress.spent), duration(request.estimated)
        say(f"jobs took {spent} of one worker, {told} were estimated")
    if stopping and not whole:
        say(stopping, "yellow")
    for key, kept in progress.stopped.items():
        say(f"  {progress.jobs[key].entry.title}: {kept}")
    for key, error in progress.failures.items():
        say(f"failed: {progress.jobs[key].entry.title} ({key}); `randteach logs {key[:8]}`", "red")
        say("  " + (error.strip().splitlines() or [""])[-1], "red")
    folder = request.out / plan.study
    results = {"table": folder / "results.csv", "figure": folder / "figure.png"}
    say(", ".join(f"{name} {paths.short(path)}" for name, path in results.items() if path.exists()))
    if request.address:
        say(f"both also in {request.store.address}/reports/{plan.study}")
    if not whole:
        say(f"go on with: {request.command}")
