"""Lottery tickets: accuracy against weights kept, and the table of it (paper, Figure 8)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from randteach.config.labels import label
from randteach.report.grid import Grid
from randteach.report.results import Results
from randteach.report.rows import (
    NETWORK,
    Cells,
    Row,
    cells,
    last,
    owners,
    panels,
    repeats,
    settings,
    several,
    where,
    with_value,
    within,
)
from randteach.report.statistics import Estimate, estimates, gains, nested, sample
from randteach.report.style import INK, barred, bars_of, graded, networks, page, save
from randteach.report.summary import number, spread, spread_told, told
from randteach.stages.recorder import DIVERGED

PLACE = ("role", "rewind", "alpha", "at", "control")
CONTROLS = {
    "random_layers": "random mask, same layers",
    "random": "random mask",
    "reinit": "same mask, fresh weights",
    "transfer": "the other's mask",
}


@dataclass(frozen=True)
class Line:
    """One start's accuracies by the share of weights kept, and its gains over the least rewound teacher."""

    name: str
    start: Cells  # its values in PLACE
    points: Mapping[float, Estimate]
    gains: Mapping[float, Estimate]  # of students without a control, where there is a teacher

    @property
    def role(self) -> str:
        """Whose weights are trained."""
        return str(self.start[0])

    @property
    def control(self) -> str:
        """What stands in place of the mask or the weights; empty for tickets."""
        return self.start[-1] or ""


@dataclass(frozen=True)
class Panel:
    """The starts of one setting: teachers by rewinding, students, controls."""

    values: Cells  # on the networks' and the settings' axes
    title: str
    bars: str
    lines: list[Line]


def rounds(rows: Sequence[Row]) -> list[Row]:
    """Each ticket's test accuracy in percent at the end of its training, a row a round."""
    errors = where(rows, kind="train", measure="error", split="test")
    own = [row for row in errors if "round" in row]
    # A first training may also be a child of mode connectivity: no later ticket has its number.
    made = last([{name: cell for name, cell in row.items() if name != "pair"} for row in own])
    # What a diverged training guesses is no result.
    values = [math.nan if row["status"] == DIVERGED else row.get("value", math.nan) for row in made]
    return [with_value(row, 100 - value) for row, value in zip(made, values, strict=True)]


def contents(results: Results) -> list[Panel]:
    """A panel a setting; empty where there is no number."""
    made = rounds(results.rows)
    axes, found = [*NETWORK, *settings(results.rows)], []
    for values in panels(made, axes):
        ours = within(made, axes, values)
        if any("value" in row for row in ours):
            lines = list(_lines(ours))
            bars = bars_of(point for line in lines for point in line.points.values())
            title = f"{networks(axes, values)} ({sample(ours, [*PLACE, 'kept'])}"
            found.append(Panel(values, title, bars, lines))
    return found


def _lines(ours: Sequence[Row]) -> Iterator[Line]:
    later, dense = [row for row in ours if row["round"]], where(ours, round=0)
    # A line begins at the dense training of its start, which rewinding and control don't apply to.
    rows = [*owners(later, dense, PLACE, ("kept", "round")), *later]
    points = _by_kept(rows)
    teachers = [cells for cells in points if cells[0] == "teacher" and not cells[-1]]
    many = several(where(ours, role="student"), ("alpha", "at"))
    gained: dict[Cells, dict[float, Estimate]] = {}
    if teachers:
        theirs = where(rows, role="teacher", rewind=teachers[0][1], control=None)
        students = where(rows, role="student", control=None)
        gained = _by_kept(gains(students, theirs, ("role", "teacher", "rewind", "round")))
    for start, line in points.items():
        role, rewind, alpha, at, control = start
        name = f"teacher, epoch {label(rewind)}" if role == "teacher" else "student"
        name += f": {CONTROLS[control]}" if control else ""
        # Of the student, or of the one whose masks a teacher is under.
        name += f", alpha {label(alpha)}" if alpha is not None and "alpha" in many else ""
        name += f", distilled for {label(at)} epochs" if at is not None and "at" in many else ""
        yield Line(name, start, line, gained.get(start, {}))


def _by_kept(rows: Sequence[Row]) -> dict[Cells, dict[float, Estimate]]:
    """By start, then by the share of weights kept, the most first."""
    found = nested(estimates(rows, [*PLACE, "kept"]))
    return {start: dict(sorted(line.items(), reverse=True)) for start, line in found.items()}


def draw(results: Results, folder: Path, name: str = "figure") -> None:
    """Accuracy against weights kept: left the tickets, right the controls where there are any.

    Teachers are named by the epoch of their supervised training that they are rewound to.
    """
    found = contents(results)
    if not found:
        return
    controls = any(line.control for panel in found for line in panel.lines)
    with page(6.8 * (1 + controls), 4.6 * len(found)) as figure:
        parts: Any = figure.subfigures(len(found), 1, squeeze=False)
        for panel, part in zip(found, parts[:, 0], strict=True):
            lines = panel.lines
            part.suptitle(f"{panel.title}{panel.bars})", fontsize=9, fontweight="bold")
            row = part.subplots(1, 1 + controls, squeeze=False, sharey=True)[0]
            _draw(row[0], [line for line in lines if not line.control])
            if controls:
                roles = {line.role for line in lines if line.control}
                first = [x for x in lines if x.role == "teacher" and not x.control][:1]
                shown = [x for x in lines if x.control or (x.role in roles and x.role == "student")]
                _draw(row[1], shown + (first if "teacher" in roles else []))
                row[1].set_title("controls", fontsize=9, fontweight="bold", loc="left")
        save(figure, folder, name)


def _draw(panel: Axes, lines: list[Line]) -> None:
    teachers = [line for line in lines if line.role == "teacher" and not line.control]
    others = [line for line in lines if line not in teachers]
    for line in [*others, *teachers]:
        style: dict[str, Any] = {"color": INK, "marker": "o", "markersize": 5, "linewidth": 1.8}
        if line in teachers:
            style = graded(teachers.index(line), max(2, len(teachers))) | {"linestyle": "--"}
        elif line.control or others.index(line):
            at = others.index(line)
            style = graded(at, len(others)) | {"linestyle": ":" if line.control else "-"}
        points = {100 * kept: point for kept, point in line.points.items()}
        barred(panel, points, label=line.name, **style)
    panel.set_xscale("log")
    kept = sorted({share for line in lines for share in line.points}, reverse=True)
    panel.set_xticks([100 * share for share in kept], [f"{100 * share:.3g}" for share in kept], fontsize=8)
    panel.set_xticks([], minor=True)
    panel.invert_xaxis()
    panel.set_xlabel("weights kept (%)")
    panel.set_ylabel("test accuracy (%)")
    panel.legend(fontsize=8, loc="best")


def show(results: Results) -> list[Grid]:
    """Mean accuracies by weights kept, a column a start, and students' gains over the teacher's first."""
    tables = []
    for panel in contents(results):
        gained = [line for line in panel.lines if line.gains]
        points = [point for line in gained for point in line.gains.values()]
        heads = ["kept %", *(line.name for line in panel.lines)]
        for line in gained:
            heads += [f"{line.name}: gain", "spread"]
        shown = Grid(f"Test accuracy in % after pruning: {panel.title})", heads, 1)
        if gained:
            shown.caption = (
                "Gain: over the student's own teacher, least rewound, at as many weights. "
                f"Spread of the gain: {spread_told(points)}."
            )
        for kept in sorted({share for line in panel.lines for share in line.points}, reverse=True):
            row = [f"{100 * kept:.3g}"]
            row += [told(line.points.get(kept, Estimate())) for line in panel.lines]
            for gain in (line.gains.get(kept, Estimate()) for line in gained):
                row += [number(gain.mean, "+.1f"), spread(gain, "+.1f")]
            shown.rows.append(row)
        tables.append(shown)
    empty = [row for row in where(results.rows, measure="empty_layers") if row.get("value", 0) > 0]
    if empty:
        own = [name for name in repeats(empty) if name != "seed"]
        axes = (*NETWORK, "rewind", "alpha", "at", "control", *own, *settings(results.rows))
        names = ["role", "seed", *several(empty, axes), "round"]
        shown = Grid("Layers pruned to nothing", [*names, "layers"], len(names))
        shown.rows += [[label(cell) for cell in cells(row, [*names, "value"])] for row in empty]
        tables.append(shown)
    return tables
