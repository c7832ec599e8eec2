"""Loss planes: the students that span one, and its points in jobs (Figures 5, 13 to 16)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from randteach.errors import UserError
from randteach.jobs.build import distill_job, last, made_of, probe_spec, teacher_of
from randteach.jobs.job import Job
from randteach.jobs.point import Point
from randteach.jobs.resolve import probed
from randteach.specs import Network, PlaneSpec


def plane_jobs(config: Point) -> Iterator[Job]:
    """The plane through a teacher and two of its students, or the line to one, in jobs of a row's points.

    A grid with twice as many steps a side has all points of one with four or more, and its jobs.
    """
    settings, teacher = config.plane, teacher_of(config)
    if len(set(settings.alphas)) != len(settings.alphas) or len(settings.alphas) not in (1, 2):
        raise UserError(
            f"plane.alphas={settings.alphas}: a plane takes two students of different alpha, a line one"
        )
    head = settings.of == "outputs"
    students = [distill_job(replace(config, alpha=alpha), head=head) for alpha in settings.alphas]
    if not max(students[0].steps):
        raise UserError("distill.epochs=0: untrained students span no plane; train them")
    yield from students
    corners: tuple[Network, ...] = (teacher, *(last(student, config) for student in students))
    if settings.train_size < config.probe.neighbours:
        raise UserError(
            f"plane.train_size={settings.train_size}: kNN takes "
            f"probe.neighbours={config.probe.neighbours} of them; give at least that many"
        )
    _check_box(config)
    samples = replace(probed(config), count=settings.train_size)
    probe = replace(probe_spec(config, teacher), samples=samples, test_count=settings.test_size)
    labels = {name: value for name, value in students[0].labels.items() if name not in ("alpha", "round")}
    labels |= {"at": float(students[0].steps[max(students[0].steps)]), "probed_on": config.probe.data}
    corners_alone = Part(None, (), "corners")
    for part in [corners_alone, *grid(settings.resolution, flat=len(corners) == 2)]:
        spec = PlaneSpec(
            corners=corners,
            teacher=teacher,
            head=config.head,
            student_temperature=config.distill.student_temperature,
            teacher_temperature=config.distill.teacher_temperature,
            probe=probe,
            coordinates=settings.coordinates,
            margin=settings.margin,
            norm=settings.norm,
            row=part.row,
            columns=part.columns,
            compared=settings.of,
            around=settings.around,
        )
        parents = made_of(*corners, head=head)
        yield Job("plane", spec, {}, parents, (3,), labels | {"place": part.place})


def _check_box(config: Point) -> None:
    """UserError where a grid around the teacher has no size, or no one scale."""
    settings = config.plane
    if settings.around == "teacher" and settings.coordinates == "oblique" and len(settings.alphas) == 2:
        raise UserError(
            "plane.around=teacher: oblique axes have a scale each, and so no square around it; "
            "set plane.coordinates=orthonormal"
        )
    if settings.around == "teacher" and not settings.margin:
        raise UserError("plane.margin=0: with plane.around=teacher all points are the teacher; give more")


class Part(NamedTuple):
    """The points of a job: some columns of a row, and which row of which grid they are, "3 of 13"."""

    row: float | None
    columns: tuple[float, ...]
    place: str


def grid(resolution: int, *, flat: bool = False) -> list[Part]:
    """A square grid's rows and columns from 0 to 1 as jobs, so that a refined grid keeps the jobs it had.

    Its steps are halved down to a coarsest grid of at least four; a row's job holds those columns that
    came with one halving. `flat` has one row.
    """
    steps = resolution - 1
    halvings = 0
    while steps % 2 == 0 and steps // 2 >= 4:
        steps, halvings = steps // 2, halvings + 1

    def level(number: int) -> int:
        """With which halving a row or column comes."""
        return next(h for h in range(halvings + 1) if number % 2 ** (halvings - h) == 0)

    numbers = range(resolution)
    jobs: list[Part] = []
    for row in [0] if flat else numbers:
        parts: dict[int, list[float]] = {}
        for column in numbers:
            when = max(level(row), level(column))
            parts.setdefault(when, []).append(column / (resolution - 1))
        for when, columns in sorted(parts.items()):
            place = f"{row // 2 ** (halvings - when) + 1} of {steps * 2**when + 1}"
            jobs.append(Part(row / (resolution - 1), tuple(columns), place))
    return jobs
