"""What a student's checkpoint is asked: jobs of lottery tickets, of connectivity and of planes."""

from collections.abc import Iterator

from randteach.config import Config
from randteach.jobs import Job
from randteach.trials.connect import connect_jobs
from randteach.trials.tickets import ticket_jobs


def triggered(config: Config, student: Job) -> Iterator[Job]:
    """The trials below a student that `downstream` asks for, probes apart, and those of its teacher."""
    if "tickets" in config.downstream and config.alpha in (config.tickets.alphas or ()):
        yield from ticket_jobs(config, student)
    if "connect" in config.downstream and config.alpha in (config.connect.alphas or ()):
        yield from connect_jobs(config, student)
