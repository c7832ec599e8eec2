"""What a claim compares with what: rows of a table that belong together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from randteach.report import features, paper, tickets
from randteach.report.rows import OWN, Row, last, where

MANY, FEW = "half or more of the weights kept", "a quarter or less kept"
HEAD, OUTPUTS, WIDTH = "head.bottleneck", "head.out_dim", "head.bottleneck_dim"
NORM = "net.norm"
COUNT = "data.train_size"
INPUTS = ("dataset", COUNT)


@dataclass(frozen=True)
class Sides:
    """Two sets of rows that belong together but for the columns `without`, or one set of numbers alone."""

    ours: Sequence[Row]
    theirs: Sequence[Row] | None = None
    without: tuple[str, ...] = OWN


def near(rows: Sequence[Row]) -> list[Row]:
    """The rows at alpha ≈ 0: at the paper's 1e-10, or at the largest below 1e-6 where there is none."""
    alphas = {row["alpha"] for row in rows if row.get("alpha", 1.0) <= paper.NEAR}
    alpha = paper.START if paper.START in alphas else max(alphas, default=None)
    return [] if alpha is None else where(rows, alpha=alpha)


def latest(rows: Sequence[Row]) -> list[Row]:
    """The rows that start from the latest epoch of their students."""
    return where(rows, at=max((row["at"] for row in rows if "at" in row), default=None))


def students(rows: Sequence[Row], measure: str, alpha: float = 0.0) -> list[Row]:
    """Students of random teachers at their last epoch; those at alpha ≈ 0 where it is 0."""
    found = where(features.students(rows), measure=measure, round=None)
    return where(found, alpha=alpha) if alpha else near(found)


def _teachers(rows: Sequence[Row], measure: str) -> list[Row]:
    return where(features.tested(rows, "teacher"), measure=measure)


def over_teacher(rows: Sequence[Row], measure: str, alpha: float = 0.0) -> Sides:
    """Students and their own teachers, probed on the set that the students learned from."""
    own = [row for row in students(rows, measure, alpha) if row.get("dataset") == row["probed_on"]]
    return Sides(own, _teachers(rows, measure))


def over_teacher_elsewhere(rows: Sequence[Row], measure: str) -> Sides:
    """Students and their own teachers, probed on another set of images."""
    other = [row for row in students(rows, measure) if row.get("dataset") != row["probed_on"]]
    return Sides(other, _teachers(rows, measure))


def over_teacher_with_norm(rows: Sequence[Row], norm: str) -> Sides:
    """Students with these norm layers and their teachers, by the linear probe."""
    return over_teacher(where(rows, **{NORM: norm}), "linear")


def _of_images(rows: Sequence[Row], measure: str, best: Callable[[set[int]], int]) -> list[Row]:
    """Students of the probed set's own images, with the most or the fewest that were swept."""
    own = [row for row in students(rows, measure) if row.get("dataset") == row["probed_on"] and COUNT in row]
    return where(own, **{COUNT: best({row[COUNT] for row in own})}) if own else []


def over_noise(rows: Sequence[Row], measure: str) -> Sides:
    """Students of the most images, and of as much Gaussian noise."""
    ours = _of_images(rows, measure, max)
    theirs = where(students(rows, measure), dataset="gaussian")
    return Sides(ours, [row for row in theirs if row.get(COUNT) in {own[COUNT] for own in ours}], INPUTS)


def over_fewer_samples(rows: Sequence[Row], measure: str) -> Sides:
    """Students of the most images and of the fewest."""
    ours, theirs = (_of_images(rows, measure, best) for best in (max, min))
    return Sides(ours if ours != theirs else [], theirs, INPUTS)


def few_over_teacher(rows: Sequence[Row], measure: str) -> Sides:
    """Students of the fewest images and their teachers."""
    return Sides(_of_images(rows, measure, min), _teachers(rows, measure))


def between_alphas(rows: Sequence[Row], measure: str, one: float, other: float) -> Sides:
    """Students of one teacher, fresh draw and order that start at two distances."""
    return Sides(students(rows, measure, one), students(rows, measure, other), ("alpha",))


def ends_between_alphas(rows: Sequence[Row], measure: str, one: float, other: float) -> Sides:
    """Students in training at their last epoch, of one teacher, draw and order, at two distances."""
    ends = where(last(where(rows, kind="distill", measure=measure)), round=None)
    ours, theirs = (where(ends, alpha=alpha) if alpha else near(ends) for alpha in (one, other))
    return Sides(ours, theirs, ("alpha",))


def between_bottlenecks(rows: Sequence[Row], measure: str, one: str, other: str) -> Sides:
    """Students of one teacher with two bottlenecks, as wide and with as many outputs."""
    found = students(rows, measure)
    ours, theirs = where(found, **{HEAD: one}), where(found, **{HEAD: other})
    return Sides(ours if theirs else [], theirs, (HEAD,))


def over_few_outputs(rows: Sequence[Row], measure: str) -> Sides:
    """Students with the most outputs, and with at most a quarter as many as the bottleneck is wide."""
    return _over_outputs(rows, measure, lambda count, width: 4 * count <= width)


def over_more_outputs(rows: Sequence[Row], measure: str) -> Sides:
    """Students with the most outputs, and with the fewest from four times the bottleneck's width on."""
    return _over_outputs(rows, measure, lambda count, width: count >= 4 * width)


def _over_outputs(rows: Sequence[Row], measure: str, fits: Callable[[int, int], bool]) -> Sides:
    """The most outputs against those nearest to the bottleneck's width, which is one, of all that fit."""
    found = [row for row in students(rows, measure) if OUTPUTS in row and WIDTH in row]
    most = max((row[OUTPUTS] for row in found), default=0)
    fewer = [row for row in found if row[OUTPUTS] < most and fits(row[OUTPUTS], row[WIDTH])]
    nearest = min((row[OUTPUTS] - row[WIDTH] for row in fewer), key=abs, default=None)
    theirs = [row for row in fewer if row[OUTPUTS] - row[WIDTH] == nearest]
    return Sides(where(found, **{OUTPUTS: most}) if theirs else [], theirs, (OUTPUTS,))


def over_teachers_tickets(rows: Sequence[Row], arm: str) -> Sides:
    """Tickets of students and of their teachers at step 0, round by round."""
    made = [
        row
        for row in where(tickets.rounds(rows), control=None)
        if row["round"] and (row["kept"] >= 0.5 if arm == MANY else row["kept"] <= 0.25)
    ]
    own = latest(near(where(made, role="student")))
    theirs = where(made, role="teacher", rewind=0.0)
    return Sides(own, theirs, ("role", "teacher", "rewind", "round"))


def barriers(rows: Sequence[Row], bn: str, role: str) -> Sides:
    """Barriers between children of students at their last epoch, or of teachers."""
    found = where(rows, kind="connect", measure="barrier_error", split="test", role=role, bn=bn)
    return Sides(latest(near(found)) if role == "student" else found)


def second_round(rows: Sequence[Row], measure: str) -> Sides:
    """Students of the second round, and those that they copied."""
    first, second = (near(where(features.students(rows), measure=measure, round=number)) for number in (1, 2))
    return Sides(second, first, ("teacher", "round"))
