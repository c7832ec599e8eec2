"""Jobs one after another in this process: no Ray, a debugger works."""

import time
import traceback
from dataclasses import replace

import torch

from randteach.config import UserError
from randteach.engine.execute import Context, Postponed, execute
from randteach.engine.keeper import Event
from randteach.engine.queue import DONE, FAILED, LOOK, POSTPONED, STOPPED, Queue
from randteach.records import Artifact
from randteach.stages.recorder import Stopped


def run(queue: Queue, context: Context) -> None:
    """Make all that the queue holds; a failed job does not stop the others.

    Raises UserError where jobs are to have a GPU and there is none.
    """
    for wanted in queue.jobs.values():
        if wanted.slot.gpus and not torch.cuda.is_available():
            asked = f"resources.{wanted.kind}.gpus={wanted.slot.gpus:g}"
            raise UserError(f"{asked}: torch sees no GPU here; set it to 0")
    kinds = {key: job.kind for key, job in queue.jobs.items()}

    def receive(event: Event) -> None:
        if event["event"] == "artifact":
            queue.made(Artifact(kinds[event["key"]], event["key"], event["step"]))
        queue.emit(event)

    context = replace(context, emit=receive, stop=lambda: bool(queue.stopping()))
    while not queue.over:
        if not (job := queue.next()):
            time.sleep(LOOK)  # other sweeps are at the rest
            continue
        outcome, error = DONE, ""
        queue.emit({"event": "begin", "key": job.key})
        try:
            execute(job, context)
        except Stopped:
            outcome = STOPPED
        except Postponed:
            outcome = POSTPONED
        except Exception:  # whatever a job does wrong is the job's failure
            outcome, error = FAILED, traceback.format_exc()
        queue.finish(job.key, outcome, error)
