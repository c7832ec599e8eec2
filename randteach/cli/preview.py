"""A plan as it is shown before it runs: what is done, what is missing, and which results are older."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console

from loaders import DATASETS
from loaders.augment import AUGMENTATIONS
from randteach.cli import estimate
from randteach.engine.progress import duration
from randteach.jobs.job import Job
from randteach.jobs.study import Plan
from randteach.store import moved, remake
from randteach.store.remake import Remake
from randteach.store.store import Store

LARGE = 1e16  # operations from which on a GPU is what counts


def show(console: Console, plan: Plan, missing: Sequence[Job], store: Store, again: Remake) -> float | None:
    """Print it, and give the estimated seconds of one worker; `again` is what is set aside first."""
    seconds = None
    todo, total = Counter(job.kind for job in missing), Counter(job.kind for job in plan.jobs)
    console.print(f"{plan.study}: {len(plan.jobs)} jobs, {len(missing)} missing", style="bold")
    for kind, count in total.items():
        console.print(f"  {kind:8} {count:5}   done {count - todo[kind]:5}   missing {todo[kind]:5}")
    if missing:
        seconds = estimate.past_seconds(plan.jobs, missing, store, again.artifacts)
        spent = f"about {duration(seconds)} of one worker" if seconds else "time unknown, no past jobs"
        console.print(f"  {estimate.size(estimate.storage(missing))} to store; {spent}")
        if not seconds and (work := estimate.operations(missing)) > LARGE:
            hours = f"{work / estimate.RATE / 3600:.1f} GPU hours at {estimate.RATE / 1e12:.0f} TFLOP/s"
            console.print(f"  trainings: {work / 1e15:,.0f} PFLOP, {hours} (assumed, not measured)")
    for line in (*_other_code(plan, store, again), *_older(plan, missing, store), *_flipped(missing)):
        console.print(f"  {line}")
    return seconds


def _other_code(plan: Plan, store: Store, again: Remake) -> Iterator[str]:
    """Results that other code has made."""
    if again:
        yield again.text
        return
    others, unknown = remake.other_code(plan.jobs, store)
    if keys := {artifact.key for artifact in (*others, *unknown)}:
        nobodys = len({artifact.key for artifact in unknown})
        of_these = f" ({nobodys} by code that is not on record)" if nobodys else ""
        yield (
            f"other code has made {len(keys)} of these jobs{of_these}: "
            "`randteach ls --other-code` lists them, --remake makes them again"
        )


def _older(plan: Plan, missing: Sequence[Job], store: Store) -> Iterator[str]:
    """Results whose keys have moved since they were made."""
    for reasons, count in moved.older(plan.jobs, missing, store).items():
        yield f"{count} older results no longer apply: {'; '.join(reasons)}"


def _flipped(missing: Sequence[Job]) -> Iterator[str]:
    """Images that are flipped, of sets where a mirrored one is none of its class."""
    augmenting = {job.spec.augments for job in missing if hasattr(job.spec, "augments")}
    for name, setting, augment in sorted(augmenting):
        if AUGMENTATIONS[augment].flips and not DATASETS[name].flips:
            yield (
                f"{setting}={augment} mirrors half of the images of {name}, and a mirrored one is none of "
                f"its class; you may want {setting}=none"
            )
