"""Run jobs one after another in this process: without Ray, so that a debugger works."""

import time
from dataclasses import replace

import torch

from randteach.engine.context import Context
from randteach.engine.events import Began, Committed, Event
from randteach.engine.execute import attempt
from randteach.engine.queue import LOOK, Queue
from randteach.errors import UserError
from randteach.identity.artifact import Artifact
from randteach.kinds import KINDS


def run(queue: Queue, context: Context) -> None:
    """Make all that the queue holds; a failed job does not stop the others.

    Raises UserError where jobs are to have a GPU and there is none, or where the store is away.
    """
    for wanted in queue.jobs.values():
        if wanted.slot.gpus and not torch.cuda.is_available():
            asked = f"resources.{KINDS[wanted.kind].resources}.gpus={wanted.slot.gpus:g}"
            raise UserError(f"{asked}: torch sees no GPU here; set it to 0")
    kinds = {key: job.kind for key, job in queue.jobs.items()}

    def receive(event: Event) -> None:
        if isinstance(event, Committed):
            queue.made(Artifact(kinds[event.key], event.key, event.step))
        queue.emit(event)

    context = replace(context, emit=receive, stop=lambda: bool(queue.stopping()))
    with queue.store.reached():
        while not queue.over:
            if not (job := queue.next()):
                time.sleep(LOOK)  # other sweeps are at the rest
                continue
            queue.emit(Began(job.key))
            queue.finish(job.key, *attempt(job, context))
