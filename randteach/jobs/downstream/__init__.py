"""Downstream jobs of a student: a declaration each, by its name in the setting `downstream`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loaders.catalogue import Catalogue
from randteach.jobs.build import snapshot_probes
from randteach.jobs.downstream.connect import connect_jobs
from randteach.jobs.downstream.tickets import ticket_jobs
from randteach.jobs.job import Job
from randteach.jobs.point import Point

PROBE = "probe"  # of which each sweep has jobs of its own


@dataclass(frozen=True)
class Downstream:
    """Jobs below a student, from a resolved point and the student; without a student those of its teacher.

    Where settings of this name have `alphas`, these choose the students.
    """

    name: str
    jobs: Callable[[Point, Job | None], Iterable[Job]]

    def alphas(self, config: Any) -> Sequence[float] | None:
        """The students that have such jobs; None for all."""
        return getattr(getattr(config, self.name, None), "alphas", None)


def _probes(config: Point, student: Job | None) -> Iterator[Job]:
    if student:
        yield from snapshot_probes(config, student)


DOWNSTREAM: Catalogue[Downstream] = Catalogue(
    "downstream job",
    [Downstream(PROBE, _probes), Downstream("tickets", ticket_jobs), Downstream("connect", connect_jobs)],
)


def triggered(config: Point, student: Job) -> Iterator[Job]:
    """The jobs below a student that `downstream` asks for, probes apart, and those of its teacher."""
    for one in DOWNSTREAM.values():
        if one.name in config.downstream and one.name != PROBE:
            alphas = one.alphas(config)
            if alphas is None or alphas:
                # Those of the teacher belong to every alpha, whichever students are chosen.
                yield from one.jobs(config, student if alphas is None or config.alpha in alphas else None)
