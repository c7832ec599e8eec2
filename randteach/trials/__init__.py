"""What a student's checkpoint is asked: jobs of lottery tickets, of connectivity and of planes."""

from collections.abc import Iterator

from randteach.config import Config
from randteach.jobs import Job
from randteach.trials.connect import connect_jobs
from randteach.trials.tickets import ticket_jobs


def triggered(config: Config, student: Job) -> Iterator[Job]:
    """The trials below a student that `downstream` asks for, probes apart, and those of its teacher."""
    trials = {
        "tickets": (config.tickets.alphas, ticket_jobs),
        "connect": (config.connect.alphas, connect_jobs),
    }
    for name, (alphas, jobs) in trials.items():
        if name in config.downstream and alphas:
            # Those of the teacher belong to every alpha, whichever students are chosen.
            yield from jobs(config, student if config.alpha in alphas else None)
