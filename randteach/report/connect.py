"""Mode connectivity: errors along lines between children, and their barriers (paper, Figure 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from randteach.config.labels import label
from randteach.report.grid import Grid
from randteach.report.results import Results
from randteach.report.rows import NETWORK, Cells, Row, cells, panels, settings, several, where, within
from randteach.report.statistics import Estimate, estimates, nested, sample
from randteach.report.style import TEACHER, band, barred, bars_of, curve, graded, networks, page, save
from randteach.report.summary import number, spread, spread_told

START = ("role", "alpha", "at")
HEIGHTS = ("barrier_error", "barrier_loss")
BN = {
    "interpolated": "BatchNorm statistics interpolated",
    "reestimated": "BatchNorm statistics re-estimated",
    "none": "no norm layers",
}


@dataclass(frozen=True)
class Panel:
    """What is drawn of one setting and mode of norm layers; a start is (role, alpha, epoch)."""

    cells: Cells  # on the networks' and the settings' axes, and the mode of norm layers
    title: str
    along: Mapping[Cells, Mapping[float, Estimate]]  # test error by start, then by gamma
    lines: Mapping[Cells, list[list[tuple[float, float]]]]  # single lines: (gamma, error)
    teacher: Estimate  # barrier
    students: Mapping[float, Mapping[float, Estimate]]  # barriers by alpha, then by epoch


def rows_of(results: Results, measure: str, split: str | None = "test") -> list[Row]:
    """The rows of one measure of lines."""
    return where(results.rows, kind="connect", measure=measure, split=split)


def contents(results: Results) -> list[Panel]:
    """A panel a setting and mode of norm layers that has a number."""
    error, barrier = rows_of(results, "error"), rows_of(results, "barrier_error")
    axes, found = [*NETWORK, *settings(results.rows)], []
    for values in panels(barrier, axes):
        ours, height = within(error, axes, values), within(barrier, axes, values)
        for bn in BN:
            points, heights = where(ours, bn=bn), where(height, bn=bn)
            if not any("value" in row for row in heights):
                continue
            along = nested(estimates(points, [*START, "gamma"]))
            by_start = estimates(heights, START)
            over = f"{sample(heights, START)}{bars_of(by_start.values())}"
            students = {alpha: line for (role, alpha), line in nested(by_start).items() if role == "student"}
            teacher = estimates(where(heights, role="teacher"), ["role"]).get(("teacher",), Estimate())
            title = f"{networks(axes, values)}: {BN[bn]} ({over})"
            first = sorted(along, key=lambda start: start[0] != "teacher")
            along = {start: along[start] for start in first}
            found.append(Panel((*values, bn), title, along, _single(points), teacher, students))
    return found


def _single(points: Sequence[Row]) -> dict[Cells, list[list[tuple[float, float]]]]:
    """Each line by itself, by its start."""
    lines: dict[Cells, dict[str, list[tuple[float, float]]]] = {}
    for row in points:
        if "value" in row:
            line = lines.setdefault(cells(row, START), {}).setdefault(row["key"], [])
            line.append((row["gamma"], row["value"]))
    return {start: [sorted(line) for line in own.values()] for start, own in lines.items()}


def name_of(start: Cells, many: bool) -> str:
    """A checkpoint for people; `many`: students differ in alpha."""
    role, alpha, at = start
    if role == "teacher":
        return "teacher"
    text = f"student after {label(at)} epoch{'' if at == 1 else 's'}"
    return text + (f", alpha {label(alpha)}" if many else "")


def draw(results: Results, folder: Path, name: str = "figure") -> None:
    """Left test error along gamma, right barriers along distillation, a row a mode of norm layers."""
    found = contents(results)
    if not found:
        return
    with page(11.0, 3.9 * len(found)) as figure:
        parts: Any = figure.subfigures(len(found), 1, squeeze=False)
        for part, panel in zip(parts[:, 0], found, strict=True):
            part.suptitle(panel.title, fontsize=9, fontweight="bold")
            left, right = part.subplots(1, 2, width_ratios=(1.25, 1))
            _along(left, panel)
            _by_epoch(right, panel)
        save(figure, folder, name)


def _along(panel: Axes, content: Panel) -> None:
    many = len(content.students) > 1
    for at, (start, points) in enumerate(content.along.items()):
        style: dict[str, Any] = {"color": TEACHER, "linestyle": "--", "marker": "s"}
        if start[0] == "student":
            style = graded(at, len(content.along))
        for line in content.lines.get(start, []):
            panel.plot(*zip(*line, strict=True), color=style["color"], alpha=0.2, linewidth=0.8)
        style |= {"linewidth": 2, "markersize": 4, "label": name_of(start, many)}
        curve(panel, points, **style)
    panel.set_xlabel("gamma, from one child (0) to the other (1)")
    panel.set_ylabel("test error (%)")
    panel.set_ylim(bottom=0)
    panel.legend(fontsize=8)


def _by_epoch(panel: Axes, content: Panel) -> None:
    """Barriers in points of error; the teacher's as a line."""
    band(panel, content.teacher, TEACHER, "--", "teacher")
    for at, (alpha, points) in enumerate(content.students.items()):
        barred(panel, points, label=f"student, alpha {label(alpha)}", **graded(at, len(content.students)))
    panel.set_xlabel("epochs of distillation before the children")
    panel.set_ylabel("barrier (points of test error)")
    panel.set_ylim(bottom=0)
    panel.legend(fontsize=8)


def show(results: Results) -> list[Grid]:
    """Barriers, the children's errors, distance and cosine, a row a checkpoint and mode of norm layers."""
    barrier = rows_of(results, "barrier_error")
    if not barrier:
        return []
    students = where(barrier, role="student")
    extra = several(students or barrier, (*NETWORK, *settings(results.rows)))
    by = [*extra, *START]
    heights, losses = (estimates(rows_of(results, name), [*by, "bn"]) for name in HEIGHTS)
    ends = estimates([row for row in rows_of(results, "error") if row.get("gamma") in (0, 1)], [*by, "bn"])
    shapes = {name: estimates(rows_of(results, name, None), by) for name in ("distance", "cosine")}
    many = bool(several(students, ["alpha"]))
    heads = ["checkpoint", *extra, "norm layers", "n", "lines", "children", "barrier", "spread", "of loss"]
    shown = Grid(
        f"Lines between children of one checkpoint ({sample(barrier, [*by, 'bn'])})",
        [*heads, "distance", "cosine"],
        2 + len(extra),
        "Children: error in % of the test split. Barrier: in points of error; of loss: in nats. Means over "
        "teachers, lines of a teacher averaged first. Spread of the barrier: "
        f"{spread_told(heights.values())}.",
    )
    for *values, role, alpha, at, bn in sorted(heights, key=lambda group: group[-4] != "teacher"):
        start = (*values, role, alpha, at)
        height, none = heights[*start, bn], Estimate()
        shown.rows.append(
            [
                name_of((role, alpha, at), many),
                *map(label, values),
                label(bn),
                height.count,
                str(height.made),
                number(ends.get((*start, bn), none).mean),
                number(height.mean),
                spread(height),
                number(losses.get((*start, bn), none).mean, ".2f"),
                number(shapes["distance"].get(start, none).mean),
                number(shapes["cosine"].get(start, none).mean, ".3f"),
            ]
        )
    return [shown]
