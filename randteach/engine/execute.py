"""One job, made: the only way in which anything is computed, in the process or on a worker."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from loaders import Depot
from randteach.engine.inputs import JobInputs
from randteach.engine.keeper import Event, Keeper
from randteach.engine.queue import DONE, FAILED, POSTPONED, STOPPED
from randteach.environment.code import Start
from randteach.jobs.job import Job
from randteach.kinds import KINDS
from randteach.stages.evaluate import Inputs
from randteach.stages.recorder import Stopped
from randteach.store.marker import Damaged
from randteach.store.store import Store


@dataclass
class Context:
    """What a job needs that does not change its numbers; a worker keeps its cache between jobs."""

    store: Store
    root: Path
    cache: Path
    loader: str
    emit: Callable[[Event], None] = lambda event: None
    features: dict[str, torch.Tensor] = field(default_factory=dict)
    held: dict[str, Inputs] = field(default_factory=dict)
    session: str = ""
    study: str = ""
    checkpoint_every: float = 0.0
    stop: Callable[[], bool] = lambda: False
    depot: Depot | None = None  # where data sets are that this machine may lack
    start: Start | None = None  # which makes the job

    def __post_init__(self) -> None:
        """A worker has a current folder of its own: a relative path would mean another place there."""
        if not (self.root.is_absolute() and self.cache.is_absolute()):
            raise ValueError(f"root {self.root}, cache {self.cache}: a job's folders have absolute paths")


class NoResult(Exception):
    """A stage has returned without a result that it owes."""


class Postponed(Exception):
    """A parent's artifact was damaged: it has been set aside, and has to be made again first."""


def execute(job: Job, context: Context) -> None:
    """Run the stage for those of the job's artifacts that the store lacks, and commit them.

    Goes on from the newest state that is whole. Raises Stopped where the context says stop, Postponed
    where a parent is damaged or gone; the job's own damaged artifacts are made again at once.
    """
    if all(context.store.has(a) for a in job.artifacts):
        return
    if gone := [parent.name for parent in job.parents if not context.store.has(parent)]:
        raise Postponed(f"{', '.join(gone)}: not in the store")
    keeper = Keeper(job, context)
    try:
        keeper.start()
        while wanted := [a for a in job.artifacts if not context.store.has(a)]:
            try:
                kind = KINDS.find(job.kind)
                kind.stage(job.spec, JobInputs(job, {a.step for a in wanted}, context, keeper), keeper)
                if owed := [a.name for a in wanted if not context.store.has(a)]:
                    raise NoResult(f"the stage of {job.kind} returned without {', '.join(owed)}")
            except Damaged as damage:
                context.store.set_aside(damage)
                keeper.damaged(damage)
                if damage.artifact.key != job.key:
                    raise Postponed(str(damage)) from None
    except BaseException:
        keeper.attempt.show()  # all that it said before its end
        raise
    keeper.done(max(job.steps, default=None))


def attempt(job: Job, context: Context) -> tuple[str, str]:
    """Execute a job; how it ended, and its error where it failed."""
    try:
        execute(job, context)
    except Stopped:
        return STOPPED, ""
    except Postponed:
        return POSTPONED, ""
    except Exception:  # whatever a job does wrong is the job's failure
        return FAILED, traceback.format_exc()
    return DONE, ""
