"""What a student's checkpoint is asked: jobs of lottery tickets, of connectivity and of planes."""

from collections.abc import Iterator

from randteach.config.schema import Config
from randteach.jobs.downstream.connect import connect_jobs
from randteach.jobs.downstream.tickets import ticket_jobs
from randteach.jobs.job import Job


def triggered(config: Config, student: Job) -> Iterator[Job]:
    """The jobs below a student that `downstream` asks for, probes apart, and those of its teacher."""
    builders = {
        "tickets": (config.tickets.alphas, ticket_jobs),
        "connect": (config.connect.alphas, connect_jobs),
    }
    for name, (alphas, jobs) in builders.items():
        if name in config.downstream and alphas:
            # Those of the teacher belong to every alpha, whichever students are chosen.
            yield from jobs(config, student if config.alpha in alphas else None)
