"""What the paper claims, claim by claim: what is compared with what, and the rule of its verdict.

The list is written before the numbers are. A claim names all its measures, those too that speak against the
paper's reading of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from randteach.report import connect, features, paper, tickets
from randteach.report.rows import OWN, Row, where
from randteach.report.verdicts import Alike, Greater, Rule

ALIKE = NO_BARRIER = 2.0  # points
MEASURES = ("linear", "linear_std", "knn", "logistic")
MANY, FEW = "half or more of the weights kept", "a quarter or less kept"
NOT_PRINTED = "no numbers printed"


@dataclass(frozen=True)
class Sides:
    """Two sets of rows that belong together but for the columns `without`, or one set of numbers alone."""

    ours: Sequence[Row]
    theirs: Sequence[Row] | None = None
    without: tuple[str, ...] = OWN


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, and what decides on it: the differences of each arm, and the rule.

    `arms` are judged one by one; `sides` gives an arm's rows out of those of one setting, and `compared`
    names the sides. `alpha` is that of the students in the paper.
    """

    name: str
    sentence: str
    where: str
    sweep: str
    rule: Rule
    sides: Callable[[Sequence[Row], str], Sides]
    compared: tuple[str, str]  # the second is taken from the first; empty for numbers alone
    numbers: str = "Test accuracy in %, student at its last epoch; differences in points."
    kind: str = "probe"  # of the jobs that give the numbers
    arms: tuple[str, ...] = MEASURES
    alpha: float = paper.START
    paper: Mapping[str, str] = field(default_factory=dict)  # its numbers, by arm

    def said(self, arm: str) -> str:
        """What the paper says of an arm."""
        return self.paper.get(arm, "not measured")


def near(rows: Sequence[Row]) -> list[Row]:
    """The rows at alpha ≈ 0: at the paper's 1e-10, or at the largest below 1e-6 where there is none."""
    alphas = {row["alpha"] for row in rows if row.get("alpha", 1.0) <= paper.NEAR}
    alpha = paper.START if paper.START in alphas else max(alphas, default=None)
    return [] if alpha is None else where(rows, alpha=alpha)


def latest(rows: Sequence[Row]) -> list[Row]:
    """The rows that start from the latest epoch of their students."""
    return where(rows, at=max((row["at"] for row in rows if "at" in row), default=None))


def _students(rows: Sequence[Row], measure: str, alpha: float = 0.0) -> list[Row]:
    """Students of random teachers at their last epoch; those at alpha ≈ 0 where it is 0."""
    found = where(features.students(rows), measure=measure, round=None)
    return where(found, alpha=alpha) if alpha else near(found)


def over_teacher(rows: Sequence[Row], measure: str, alpha: float = 0.0) -> Sides:
    """Students and their own teachers."""
    teachers = where(features.tested(rows, "teacher"), measure=measure)
    return Sides(_students(rows, measure, alpha), teachers)


def between_alphas(rows: Sequence[Row], measure: str, one: float, other: float) -> Sides:
    """Students of one teacher, fresh draw and order that start at two distances."""
    return Sides(_students(rows, measure, one), _students(rows, measure, other), ("alpha",))


def over_teachers_tickets(rows: Sequence[Row], arm: str) -> Sides:
    """Tickets of students and of their teachers at step 0, round by round."""
    made = [
        row
        for row in where(tickets.rounds(rows), control=None)
        if row["round"] and (row["kept"] >= 0.5 if arm == MANY else row["kept"] <= 0.25)
    ]
    students = latest(near(where(made, role="student")))
    theirs = where(made, role="teacher", rewind=0.0)
    return Sides(students, theirs, ("role", "teacher", "rewind", "round"))


def barriers(rows: Sequence[Row], bn: str, role: str) -> Sides:
    """Barriers between children of students at their last epoch, or of teachers."""
    found = where(rows, kind="connect", measure="barrier_error", split="test", role=role, bn=bn)
    return Sides(latest(near(found)) if role == "student" else found)


def second_round(rows: Sequence[Row], measure: str) -> Sides:
    """Students of the second round, and those that they copied."""
    first, second = (near(where(features.students(rows), measure=measure, round=number)) for number in (1, 2))
    return Sides(second, first, ("teacher", "round"))


TABLES = {
    measure: "teacher → student " + "; ".join(paper.listed(measure))
    for measure in MEASURES
    if paper.listed(measure)
}
SIMILAR = dict.fromkeys(MEASURES[:1], "“very similar for all alpha in [0, 0.6]”; " + NOT_PRINTED)
DRAWN = dict.fromkeys(MEASURES[:1], NOT_PRINTED)
MODES = tuple(connect.BN)

CLAIMS = (
    Claim(
        "student-beats-teacher",
        "A student that starts at its random teacher ends with better features than it.",
        "Tables 1 and 3, section 4.1",
        "init_distance",
        Greater(),
        over_teacher,
        ("student at alpha ≈ 0", "its teacher"),
        paper=TABLES,
    ),
    Claim(
        "near-beats-far",
        "A student that starts near its teacher ends with better features than one that starts afresh.",
        "Figure 3",
        "init_distance",
        Greater(),
        partial(between_alphas, one=0.0, other=1.0),
        ("alpha ≈ 0", "alpha 1"),
        paper=DRAWN,
    ),
    *(
        Claim(
            f"alike-at-{alpha:g}",
            f"Accuracy is very similar for all alpha up to 0.6: at {alpha:g} it is that of alpha ≈ 0.",
            "Figure 3",
            "init_distance",
            Alike(ALIKE),
            partial(between_alphas, one=alpha, other=0.0),
            (f"alpha {alpha:g}", "alpha ≈ 0"),
            alpha=alpha,
            paper=SIMILAR,
        )
        for alpha in (0.3, 0.6)
    ),
    Claim(
        "far-beats-teacher",
        "Even a student that starts afresh beats its teacher.",
        "Figure 3",
        "init_distance",
        Greater(),
        partial(over_teacher, alpha=1.0),
        ("student at alpha 1", "its teacher"),
        alpha=1.0,
        paper=DRAWN,
    ),
    Claim(
        "tickets",
        "The student's checkpoint holds lottery tickets at step 0 that its random teacher does not.",
        "Figure 8",
        "lottery_tickets",
        Greater(),
        over_teachers_tickets,
        ("student's tickets", "its teacher's, step 0"),
        "Test accuracy in %, mean over the rounds; differences in points.",
        "train",
        (MANY, FEW),
        paper=dict.fromkeys((MANY, FEW), "the teacher loses at every sparsity; " + NOT_PRINTED),
    ),
    Claim(
        "no-barrier-of-the-student",
        "Between children of the student there is no barrier.",
        "Figure 9",
        "mode_connectivity",
        Alike(NO_BARRIER),
        partial(barriers, role="student"),
        ("barrier", ""),
        "Barriers in points of test error, student at its last epoch.",
        "connect",
        MODES,
        paper=dict.fromkeys(MODES, NOT_PRINTED),
    ),
    Claim(
        "barrier-of-the-teacher",
        "Between children of the random teacher there is a barrier.",
        "Figure 9",
        "mode_connectivity",
        Greater(NO_BARRIER),
        partial(barriers, role="teacher"),
        ("barrier", ""),
        "Barriers in points of test error.",
        "connect",
        MODES,
        paper=dict.fromkeys(MODES, NOT_PRINTED),
    ),
    Claim(
        "second-round",
        "A second round, with the student as the next teacher, adds nothing.",
        "Figure 18",
        "restart",
        Alike(ALIKE),
        second_round,
        ("second round", "first round"),
        paper=DRAWN,
    ),
)
