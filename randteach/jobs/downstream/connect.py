"""Mode connectivity: children of one checkpoint and the lines between them (Figure 9)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

from randteach.errors import UserError
from randteach.jobs.build import last, made_of
from randteach.jobs.downstream.train import checkpoints, drawn, train_job
from randteach.jobs.job import Job
from randteach.jobs.point import Point
from randteach.jobs.resolve import probed
from randteach.specs import ConnectSpec, TrainSpec


def connect_jobs(config: Point, student: Job | None) -> Iterator[Job]:
    """Children of a teacher and of its student's checkpoints, and the lines between them (Figure 9)."""
    points = checkpoints("connect.at", config.connect.at, config, student) if student else []
    for point in (drawn(config), *points):
        children = [
            train_job(config, point.network, {**point.labels, "pair": str(order)}, order=order)
            for order in range(config.connect.children)
        ]
        yield from children
        for one, other in combinations(range(len(children)), 2):
            labels = {**point.labels, "pair": f"{one}-{other}"}
            yield connect_job(config, children[one], children[other], labels)


def connect_job(config: Point, one: Job, other: Job, labels: Mapping[str, Any]) -> Job:
    """The line between two trainings; UserError where their networks differ."""
    ends = (last(one, config), last(other, config))
    samples = replace(probed(config), count=config.connect.train_size)
    for end in (one.spec, other.spec):
        if not isinstance(end, TrainSpec) or end.start.net != ends[0].net:
            raise UserError(f"net={config.net}: children of different networks have no line between them")
    spec = ConnectSpec(ends, samples, config.connect.test_size, config.connect.points)
    return Job("connect", spec, {}, made_of(*ends), (3,), labels)
