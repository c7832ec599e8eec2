"""A planned study, run: data made ready, jobs made, everything shown, and the figure drawn."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf
from rich.console import Console
from rich.text import Text

from randteach.config import UserError
from randteach.engine import local, tune
from randteach.engine.execute import Context, Event, open_samples
from randteach.engine.progress import Progress
from randteach.engine.queue import Queue
from randteach.records import DistillSpec, Draw, Job, ProbeSpec, Samples
from randteach.report import summary, table
from randteach.store import Store
from randteach.study import Plan, Study
from randteach.tracking import Projector

OK, FAILED, STOPPED = 0, 1, 130


@dataclass(frozen=True)
class Request:
    """How and where a plan is to be run."""

    out: Path
    store: Store
    root: Path
    loader: str
    local: bool
    address: str | None
    command: Sequence[str]


def run(sweep: Study, plan: Plan, missing: Sequence[Job], request: Request, console: Console) -> int:
    """Make what is missing, then table, figure, summary and MLflow's runs; the exit code."""
    context = Context(request.store, request.root, request.out / "data", request.loader)
    prepare_data(missing, context)
    plan.record(request.store)
    projector = Projector(request.out, plan.study, request.store)
    projector.start([job.entry for job in plan.jobs], plan.settings, sweep.question)
    stopped = False
    with Progress(console, missing, cached=len(plan.jobs) - len(missing)) as progress:

        def emit(event: Event) -> None:
            progress.handle(event)
            projector.handle(event)

        try:
            if missing:
                _make(Queue(missing, request.store, emit), request, context)
        except KeyboardInterrupt:
            stopped = True
        except UserError:  # Ray or the resources asked for are not to be had
            projector.finish([], "FAILED")
            raise
    files = report(sweep, plan, request, console)
    failures = progress.failures
    status = "KILLED" if stopped else "FAILED" if failures else "FINISHED"
    if trouble := projector.finish(files, status):
        console.print(f"MLflow was not written: {trouble}", style="yellow", markup=False)
    _close(console, plan, progress, request, stopped)
    return STOPPED if stopped else FAILED if failures else OK


def prepare_data(missing: Sequence[Job], context: Context) -> None:
    """Have every data set that the missing jobs read here and whole, before anything starts."""
    wanted: set[tuple[Samples, str]] = set()
    for job in missing:
        if isinstance(job.spec, DistillSpec):
            wanted.add((job.spec.samples, "train"))
        if isinstance(job.spec, ProbeSpec):
            wanted |= {(job.spec.samples, "train"), (job.spec.samples, "test")}
            if isinstance(job.spec.reference, Draw) and job.spec.reference.calibrated_on:
                wanted.add((job.spec.reference.calibrated_on, "train"))
    for samples, split in wanted:
        if samples.sigma is None:
            open_samples(samples, split, context)


def _make(queue: Queue, request: Request, context: Context) -> None:
    if request.local:
        local.run(queue, context)
    else:
        options = tune.Options(str(context.store.root), str(context.root), str(context.cache), context.loader)
        tune.run(queue, options, request.address)


def report(sweep: Study, plan: Plan, request: Request, console: Console) -> list[Path]:
    """Table, figure and printed summary of what the store holds of the plan; the files written."""
    folder = request.out / plan.study
    frame = table.build(request.store, plan.study, [job.entry for job in plan.jobs])
    table.write(frame, folder)
    OmegaConf.save(OmegaConf.create(dict(plan.settings)), folder / "settings.yaml")
    if frame["numerics"].nunique() > 1:
        console.print("numbers were made on machines or thread counts that differ in their last bits")
    if (frame.kind == "probe").any():
        sweep.figure(frame, folder)
        console.print(summary.show(frame))
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _close(console: Console, plan: Plan, progress: Progress, request: Request, stopped: bool) -> None:
    """The last lines: what was made, what failed, where to look, how to go on."""
    made = progress.counts["done"]
    parts = [f"{made} made", f"{progress.cached} cached"]
    parts += [f"{count} {status}" for status, count in progress.counts.items() if status != "done"]
    left = len(progress.jobs) - sum(progress.counts.values())
    if left:
        parts.append(f"{left} not made")
    console.print(f"{plan.study}: {', '.join(parts)}", style="bold", highlight=False)
    for key, error in progress.failures.items():
        console.print(f"failed: {progress.jobs[key].entry.title} ({key})", style="red", markup=False)
        console.print(Text(error.strip().splitlines()[-1] if error else "", style="red"))
    folder = request.out / plan.study
    results = {"table": folder / "results.csv", "figure": folder / "figure.png"}
    there = [f"{name} {path}" for name, path in results.items() if path.exists()]
    console.print(", ".join(there), highlight=False, soft_wrap=True)
    if stopped or progress.failures:
        console.print(f"go on with: {shlex.join(request.command)}", highlight=False, soft_wrap=True)
