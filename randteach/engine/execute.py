"""Execute one job: the only way in which anything is computed, in the process or on a worker."""

import traceback

from randteach.engine.context import Context
from randteach.engine.inputs import JobInputs
from randteach.engine.queue import DONE, FAILED, POSTPONED, STOPPED
from randteach.engine.recorder import JobRecorder
from randteach.errors import Damaged, NoResult, Postponed, Stopped
from randteach.jobs.job import Job
from randteach.kinds import KINDS


def execute(job: Job, context: Context) -> None:
    """Run the stage for those of the job's artifacts that the store lacks, and commit them.

    Goes on from the newest state that is whole. Raises Stopped where the context says stop, Postponed
    where a parent is damaged or gone; the job's own damaged artifacts are made again at once.
    """
    if all(context.store.has(a) for a in job.artifacts):
        return
    if gone := [parent.name for parent in job.parents if not context.store.has(parent)]:
        raise Postponed(f"{', '.join(gone)}: not in the store")
    recorder = JobRecorder(job, context)
    try:
        recorder.start()
        while wanted := [a for a in job.artifacts if not context.store.has(a)]:
            try:
                kind = KINDS.find(job.kind)
                kind.stage(job.spec, JobInputs(job, {a.step for a in wanted}, context, recorder), recorder)
                if owed := [a.name for a in wanted if not context.store.has(a)]:
                    raise NoResult(f"the stage of {job.kind} returned without {', '.join(owed)}")
            except Damaged as damage:
                context.store.set_aside(damage)
                recorder.damaged(damage)
                if damage.artifact.key != job.key:
                    raise Postponed(str(damage)) from None
    except BaseException:
        recorder.attempt.show()  # all that it said before its end
        raise
    recorder.done(max(job.steps, default=None))


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
