"""Lottery tickets: accuracy against weights kept, and the table of it (paper, Figure 8)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from randteach.labels import label
from randteach.report.style import (
    INK,
    STYLE,
    bars,
    graded,
    matching,
    networks,
    number_of,
    panels,
    save,
    seeds_of,
)
from randteach.report.summary import number, settings, table

AXES = ("probed_on", "arch", "width")
CONTROLS = {
    "random_layers": "random mask, same layers",
    "random": "random mask",
    "reinit": "same mask, fresh weights",
    "transfer": "the other's mask",
}


@dataclass(frozen=True, eq=False)
class Line:
    """One start's accuracies, a row a seed and round."""

    name: str
    role: str
    control: str
    rows: pd.DataFrame


def rounds(frame: pd.DataFrame) -> pd.DataFrame:
    """Each ticket's test accuracy in percent at the end of its training, a row a round."""
    made = frame[(frame.kind == "train") & frame["round"].notna()]
    made = made[(made.measure == "error") & (made.split == "test")].dropna(subset="value")
    return made.assign(
        accuracy=100 - made.value, control=made.control.astype(object).where(made.control.notna(), "")
    )


def groups(made: pd.DataFrame, frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, list[Line]]]:
    """Title, rows and lines for each setting: teachers by rewinding, students, controls."""
    axes = [*AXES, *settings(frame)]
    for values in panels(made, axes):
        ours = matching(made, axes, values)
        yield networks(axes, values), ours, list(_lines(ours))


def _lines(ours: pd.DataFrame) -> Iterator[Line]:
    place = ["role", "rewind", "alpha", "at", "control"]
    dense = ours[ours["round"] == 0]
    many = {name: ours[ours.role == "student"][name].nunique() > 1 for name in ("alpha", "at")}
    for (role, rewind, alpha, at, control), rows in ours[ours["round"] > 0].groupby(place, dropna=False):
        start = dense[dense.role == role]
        name = f"teacher, epoch {rewind:g}" if role == "teacher" else "student"
        if role == "student":
            start = start[(start.alpha == alpha) & (start["at"] == at)]
        name += f": {CONTROLS[control]}" if control else ""
        if not pd.isna(alpha):  # of the student, or of the one whose masks a teacher is under
            name += f", alpha {label(alpha)}" if many["alpha"] else ""
            name += f", distilled for {at:g} epochs" if many["at"] else ""
        yield Line(name, role, control, pd.concat([start, rows]))


def draw(frame: pd.DataFrame, folder: Path, name: str = "figure") -> None:
    """Accuracy against weights kept: left the tickets, right the controls where there are any.

    Teachers are named by the epoch of their supervised training that they are rewound to.
    """
    made = rounds(frame)
    if not len(made):
        return
    found = list(groups(made, frame))
    controls = any(line.control for *_, lines in found for line in lines)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.8 * (1 + controls), 4.6 * len(found)), layout="constrained")
        parts: Any = figure.subplots(len(found), 1 + controls, squeeze=False, sharey=True)
        for (title, ours, lines), row in zip(found, parts, strict=True):
            _panel(row[0], [line for line in lines if not line.control])
            row[0].set_title(f"{title} ({seeds_of(ours)})", fontsize=9, fontweight="bold", loc="left")
            if controls:
                roles = {line.role for line in lines if line.control}
                first = next((x for x in lines if x.role == "teacher"), None)
                shown = [x for x in lines if x.control or (x.role in roles and x.role == "student")]
                _panel(row[1], shown + ([first] if first and "teacher" in roles else []))
                row[1].set_title("controls", fontsize=9, fontweight="bold", loc="left")
        save(figure, folder, name)


def _panel(panel: Axes, lines: list[Line]) -> None:
    teachers = [line for line in lines if line.role == "teacher" and not line.control]
    others = [line for line in lines if line not in teachers]
    for line in [*others, *teachers]:
        points = line.rows.groupby("kept").accuracy
        mean = points.mean()
        style: dict[str, Any] = {"color": INK, "marker": "o", "markersize": 5, "linewidth": 1.8}
        if line in teachers:
            style = graded(teachers.index(line), max(2, len(teachers))) | {"linestyle": "--"}
        elif line.control or others.index(line):
            at = others.index(line)
            style = graded(at, len(others)) | {"linestyle": ":" if line.control else "-"}
        panel.errorbar(mean.index * 100, mean, yerr=bars(points), capsize=2, label=line.name, **style)
    panel.set_xscale("log")
    kept = sorted({float(k) for line in lines for k in line.rows.kept}, reverse=True)
    panel.set_xticks([100 * k for k in kept], [f"{100 * k:.3g}" for k in kept], fontsize=8)
    panel.set_xticks([], minor=True)
    panel.invert_xaxis()
    panel.set_xlabel("weights kept (%)")
    panel.set_ylabel("test accuracy (%)")
    panel.legend(fontsize=8, loc="best")


def show(frame: pd.DataFrame) -> list[Table]:
    """Mean accuracies by weights kept, a column a start, and the student's gain over the teacher's first."""
    made, tables = rounds(frame), []
    for title, ours, lines in groups(made, frame) if len(made) else ():
        shown = table(f"Test accuracy in % after pruning: {title} ({number_of(ours)})")
        for name in ("kept %", *(line.name for line in lines), *_gain_heads(lines)):
            shown.add_column(name, justify="right", no_wrap="seed" in name)
        for kept in sorted({float(k) for line in lines for k in line.rows.kept}, reverse=True):
            shown.add_row(
                f"{100 * kept:.3g}",
                *(number(line.rows[line.rows.kept == kept].accuracy.mean()) for line in lines),
                *_gains(lines, kept),
            )
        tables.append(shown)
    empty = frame[(frame.measure == "empty_layers") & (frame.value > 0)]
    if len(empty):
        shown = table("Layers pruned to nothing")
        for name in ("role", "seed", "rewind", "control", "round", "layers"):
            shown.add_column(name, justify="right")
        for row in empty.itertuples():
            values = (row.role, row.seed, row.rewind, row.control, row.round, row.value)
            shown.add_row(*(label(value) for value in values))
        tables.append(shown)
    return tables


def _pair(lines: list[Line]) -> tuple[Line, Line] | None:
    """The first student's line and the least rewound teacher's."""
    plain = [line for line in lines if not line.control]
    student = next((line for line in plain if line.role == "student"), None)
    teacher = next((line for line in plain if line.role == "teacher"), None)
    return (student, teacher) if student and teacher else None


def _gain_heads(lines: list[Line]) -> tuple[str, ...]:
    return ("student's gain (by seed)",) if _pair(lines) else ()


def _gains(lines: list[Line], kept: float) -> tuple[str, ...]:
    """The student's accuracy less that of its own teacher, from lowest to highest."""
    pair = _pair(lines)
    if not pair:
        return ()
    rows = [line.rows[line.rows.kept == kept].groupby(["teacher", "seed"]).accuracy.mean() for line in pair]
    gaps = (rows[0] - rows[1]).dropna()
    if not len(gaps):
        return ("-",)
    return (f"{gaps.mean():+.1f} ({gaps.min():+.1f} … {gaps.max():+.1f})",)
