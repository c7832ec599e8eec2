"""Summarise a study in one small table: students, their own teachers, and the gain between them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from randteach.config.labels import label
from randteach.kinds import measures
from randteach.report import features, paper
from randteach.report.grid import Grid
from randteach.report.results import Results
from randteach.report.rows import NETWORK, owners, settings, several, where
from randteach.report.statistics import INTERVAL, RANGE, REPEATED, Estimate, estimates, gains, sample

AXES = (*NETWORK, "alpha")


@dataclass(frozen=True)
class Row:
    """The numbers of one measure of one experiment: each a mean over all draws that have it."""

    cells: Mapping[str, Any]  # measure, and the values on all axes
    pixels: Estimate
    teacher: Estimate
    student: Estimate
    gain: Estimate  # over the student's own teacher
    best: Mapping[str, Estimate]  # test accuracy at each student's best epoch, by the split it is best on


def summarise(results: Results) -> list[Row]:
    """The rows of the summary: by measure, then by axes."""
    rows = results.rows
    students = features.students(rows)
    teachers, pixels = (features.tested(rows, role) for role in ("teacher", "input"))
    splits = [one for one in ("test", "val") if where(features.probed(rows, "student"), split=one)]
    by = ["measure", *AXES, *settings(rows)]
    student, gain = estimates(students, by), estimates(gains(students, teachers), by)
    above, below = estimates(owners(students, teachers, by), by), estimates(owners(students, pixels, by), by)
    best = {split: estimates(features.best(rows, split), by) for split in splits}
    return [
        Row(
            dict(zip(by, cells, strict=True)),
            below.get(cells, Estimate()),
            above.get(cells, Estimate()),
            student[cells],
            gain[cells],
            {split: points[cells] for split, points in best.items()},
        )
        for measure in measures()
        for cells in student
        if cells[0] == measure
    ]


def show(results: Results) -> list[Grid]:
    """The summary for the terminal, the paper's numbers beside ours where the setting is the paper's."""
    rows = summarise(results)
    if not rows:
        return []
    axes = several([row.cells for row in rows], (*AXES, *settings(results.rows)))
    theirs = [paper.beside(results, row.cells) for row in rows]
    heads = ["measure", *axes, "n", "pixels", "teacher", "student", "gain", "spread"]
    heads += [f"best on {split}" for split in rows[0].best]
    heads += ["paper: teacher", "paper: student"] if any(theirs) else []
    shown = Grid(
        f"Test accuracy in %, {sample(features.students(results.rows), list(rows[0].cells))}",
        heads,
        1 + len(axes),
        _caption(results, rows),
    )
    for row, beside in zip(rows, theirs, strict=True):
        numbers = [row.pixels, row.teacher, row.student]
        stars = (number(beside.teacher), number(beside.student)) if beside else ("", "")
        shown.rows.append(
            [
                str(row.cells["measure"]),
                *(label(row.cells[name]) for name in axes),
                row.student.count,
                *(number(one.mean) for one in numbers),
                number(row.gain.mean, "+.1f"),
                spread(row.gain) + (f" (n = {row.gain.n})" if row.gain.n != row.student.n else ""),
                *(number(one.mean) for one in row.best.values()),
                *(stars if any(theirs) else ()),
            ]
        )
    return [shown]


def _caption(results: Results, rows: Sequence[Row]) -> str:
    lines = [
        "Student at its last epoch; means over teachers, repeats within a teacher averaged first; gain over "
        "the student's own teacher.",
        f"Spread of the gain: {spread_told(row.gain for row in rows)}.",
        paper.told(results, (row.cells for row in rows)),
    ]
    return "\n".join(line for line in lines if line)


def spread(point: Estimate, form: str = ".1f") -> str:
    """The bar of an estimate as text, with its kind."""
    if point.bar == INTERVAL:
        return f"± {number(point.high - point.mean, form.lstrip('+'))}"
    ends = f"{number(point.low, form)} … {number(point.high, form)}"
    return {RANGE: ends, REPEATED: f"{ends} (repeats)"}.get(point.bar, "")


def spread_told(points: Iterable[Estimate]) -> str:
    """What the spreads of these estimates are."""
    found = {point.bar for point in points}
    told = {
        RANGE: "lowest … highest of two teachers",
        INTERVAL: f"± the {INTERVAL}",
        REPEATED: "of one teacher lowest … highest of its repeats",
    }
    return "; ".join(text for bar, text in told.items() if bar in found) or "none, n = 1"


def number(value: float, form: str = ".1f") -> str:
    """A number, or a dash where there is none."""
    return "-" if math.isnan(value) else format(value, form)


def told(point: Estimate, form: str = ".1f") -> str:
    """A mean, and in brackets how many draws it is of where some are lost or something is to be said."""
    return number(point.mean, form) + (f" ({point.count})" if point.notes or point.n < point.planned else "")
