"""Accuracy along training, or along the values of a setting, a line an arm (paper, Figures 4, 10 and 11)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from randteach.config.labels import label
from randteach.jobs.study import COLUMNS
from randteach.kinds import measured, measures
from randteach.report import features
from randteach.report.arms import by_arm, common
from randteach.report.grid import Grid
from randteach.report.results import Results
from randteach.report.rows import order, owners, settings
from randteach.report.statistics import Estimate, estimates, nested, sample
from randteach.report.style import INK, INPUT, TEACHER, band, barred, bars_of, graded, page, save
from randteach.report.summary import AXES

EPOCH = "epoch"
TITLES = {
    EPOCH: "epochs of distillation",
    "head.out_dim": "outputs of the head",
    "data.train_size": "samples",
}
BARS: Any = {"elinewidth": 0.7, "capthick": 0.7}
WIDE = 16  # values that span more than so many times the smallest stand on a logarithmic axis


@dataclass(frozen=True)
class Line:
    """The students of an arm along the axis, and what they are compared with."""

    points: Mapping[Any, Estimate]
    teacher: Estimate = field(default_factory=Estimate)
    pixels: Estimate = field(default_factory=Estimate)


def contents(results: Results, setting: str) -> dict[str, dict[str, Line]]:
    """The lines by measure and arm: of students at each probed epoch, or at their last one.

    An arm with one point is no line, unless all have one.
    """
    column = COLUMNS.get(setting, setting)
    rows = results.rows
    students = features.tested(rows, "student") if setting == EPOCH else features.students(rows)
    axes = [name for name in ("measure", *AXES, *settings(rows)) if name != column]
    curves = nested(estimates(students, [*axes, column]))
    teachers, pixels = (
        estimates(owners(students, features.tested(rows, role), axes), axes) for role in ("teacher", "input")
    )
    found = {}
    for measure in measures():
        items = [
            (
                dict(zip(axes, cells, strict=True)),
                Line(curve, teachers.get(cells, Estimate()), pixels.get(cells, Estimate())),
            )
            for cells, curve in curves.items()
            if cells[0] == measure
        ]
        lines = {name: line for name, (line,) in by_arm(results, items).items()}
        lines = {name: line for name, line in lines.items() if len(line.points) > 1} or lines
        if any(point.n for line in lines.values() for point in line.points.values()):
            found[measure] = lines
    return found


def draw(results: Results, folder: Path, name: str, setting: str) -> None:
    """A panel a measure: students against the axis with bars, their teachers and raw pixels as lines."""
    found = contents(results, setting)
    if not found:
        return
    lines = [line for own in found.values() for line in own.values()]
    values = sorted({at for line in lines for at in line.points}, key=lambda at: order((at,)))
    numbers = all(isinstance(value, int | float) for value in values)
    places = {value: float(value) if numbers else float(at) for at, value in enumerate(values)}
    arms = list(dict.fromkeys(name for own in found.values() for name in own))
    styles = {arm: graded(at, len(arms)) for at, arm in enumerate(arms)}
    with page(2.6 * len(found) + 0.6, 3.6 + 0.2 * len(arms) / 3) as figure:
        panels = figure.subplots(1, len(found), squeeze=False)[0]
        for panel, (measure, own) in zip(panels, found.items(), strict=True):
            _draw(panel, own, places, styles)
            panel.set_title(measured(measure))
            panel.set_xlabel(TITLES.get(setting, setting))
            _scale(panel, places, numbers)
        panels[0].set_ylabel("test accuracy (%)" + ("" if setting == EPOCH else ", last epoch"))
        students = features.students(results.rows)
        bars = bars_of(point for line in lines for point in line.points.values())
        n = sample(students, ["measure", *AXES, *settings(results.rows)])
        figure.suptitle(f"Students{common(students)} ({n}{bars})", fontsize=10, fontweight="bold")
        handles = [Line2D([], [], label=arm, **styles[arm]) for arm in arms if arm]
        shared = all(map(_shared, found.values()))
        whose = "teacher" if shared else "teachers, in the colours of their students"
        handles += [Line2D([], [], color=TEACHER if shared else INK, linestyle="--", label=whose)]
        handles += [Line2D([], [], color=INPUT, linestyle=":", label="raw pixels")]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8)
        save(figure, folder, name)


def show(results: Results) -> list[Grid]:
    """No tables: those of `arms` have the numbers."""
    return []


def _draw(
    panel: Axes, lines: Mapping[str, Line], places: Mapping[Any, float], styles: Mapping[str, Any]
) -> None:
    shared = _shared(lines)
    for arm, line in lines.items():
        if line.teacher.n and not shared:
            panel.axhline(line.teacher.mean, color=styles[arm]["color"], linestyle="--", linewidth=1)
        points = {place: line.points[at] for at, place in places.items() if at in line.points}
        barred(panel, points, **styles[arm], **BARS)
    first = next(iter(lines.values()))
    if shared:
        band(panel, first.teacher, TEACHER, "--", width=1.2)
    band(panel, first.pixels, INPUT, ":", width=1.2)


def _shared(lines: Mapping[str, Line]) -> bool:
    """Whether all lines are compared with the same teachers."""
    return len({tuple(sorted(line.teacher.draws)) for line in lines.values()}) == 1


def _scale(panel: Axes, places: Mapping[Any, float], numbers: bool) -> None:
    """A logarithmic axis for values far apart, and a tick a value where they are few."""
    least, most = min(places.values()), max(places.values())
    if numbers and least > 0 and most > WIDE * least:
        panel.set_xscale("log")
        panel.minorticks_off()
        panel.set_xticks(
            list(places.values()), [f"{value:,.10g}" for value in places], rotation=45, fontsize=7
        )
    elif not numbers:
        panel.set_xticks(list(places.values()), [label(value) for value in places])
