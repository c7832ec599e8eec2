"""Mode connectivity: errors along lines between children, and their barriers (paper, Figure 9)."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from randteach.labels import label
from randteach.report.style import (
    STYLE,
    TEACHER,
    bars,
    graded,
    matching,
    networks,
    number_of,
    panels,
    save,
    seeds_of,
    spread,
)
from randteach.report.summary import number, settings, table

AXES = ("probed_on", "arch", "width")
BN = {
    "interpolated": "BatchNorm statistics interpolated",
    "reestimated": "BatchNorm statistics re-estimated",
    "none": "no norm layers",
}


def lines(frame: pd.DataFrame) -> pd.DataFrame:
    """All numbers of lines between children."""
    return frame[(frame.kind == "connect")].dropna(subset="value")


def starts(ours: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Checkpoints by name, the teacher first, then students by alpha and epoch."""
    found = []
    many = ours[ours.role == "student"].alpha.nunique() > 1
    for (role, alpha, at), rows in ours.groupby(["role", "alpha", "at"], dropna=False, sort=True):
        name = "teacher" if role == "teacher" else f"student after {at:g} epoch{'s' if at != 1 else ''}"
        name += f", alpha {label(alpha)}" if many and role == "student" else ""
        found.append((role, name, rows))
    return [(name, rows) for _, name, rows in sorted(found, key=lambda item: item[0] != "teacher")]


def barriers(frame: pd.DataFrame, measure: str = "barrier_error") -> pd.DataFrame:
    """A family's mean over its pairs, a row a checkpoint, seed, mode of norm layers and split."""
    family = ["role", "teacher", "seed", "alpha", "at", "bn", "split", *AXES, *settings(frame)]
    made = lines(frame)
    made = made[made.measure == measure]
    return made.groupby(family, dropna=False, as_index=False).value.mean()


def draw(frame: pd.DataFrame, folder: Path, name: str = "figure") -> None:
    """Left test error along gamma, right barriers along distillation, a row a mode of norm layers."""
    made = lines(frame)
    if not len(made):
        return
    axes = [*AXES, *settings(frame)]
    rows = []
    for values in panels(made, axes):
        ours = matching(made, axes, values)
        height = matching(barriers(frame), axes, values)
        rows += [(networks(axes, values), ours, height, bn) for bn in BN if (ours.bn == bn).any()]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11.0, 3.9 * len(rows)), layout="constrained")
        places: Any = figure.subplots(len(rows), 2, squeeze=False, width_ratios=(1.25, 1))
        for (title, ours, height, bn), (left, right) in zip(rows, places, strict=True):
            left.set_title(f"{title}: {BN[bn]}", fontsize=9, fontweight="bold", loc="left")
            _along(left, ours[ours.bn == bn])
            right.set_title(f"barriers, means over pairs ({seeds_of(ours)})", fontsize=9, loc="left")
            _by_epoch(right, height[(height.bn == bn) & (height.split == "test")])
        save(figure, folder, name)


def _along(panel: Axes, ours: pd.DataFrame) -> None:
    points = ours[(ours.measure == "error") & (ours.split == "test")]
    found = starts(points)
    for at, (name, rows) in enumerate(found):
        style: dict[str, Any] = {"color": TEACHER, "linestyle": "--", "marker": "s"}
        if rows.role.iloc[0] == "student":
            style = graded(at, len(found))
        for _, line in rows.groupby("key"):
            panel.plot(line.gamma, line.value, color=style["color"], alpha=0.2, linewidth=0.8)
        mean = rows.groupby("gamma").value.mean()
        panel.plot(mean.index, mean, label=name, **style | {"linewidth": 2, "markersize": 4})
    panel.set_xlabel("gamma, from one child (0) to the other (1)")
    panel.set_ylabel("test error (%)")
    panel.set_ylim(bottom=0)
    panel.legend(fontsize=8)


def _by_epoch(panel: Axes, height: pd.DataFrame) -> None:
    """Barriers in points of error; the teacher's as a line."""
    teacher = height[height.role == "teacher"].value
    if len(teacher):
        low, high = spread(teacher) if len(teacher) > 1 else (0, 0)
        panel.axhline(teacher.mean(), color=TEACHER, linestyle="--", label="teacher")
        panel.axhspan(teacher.mean() - low, teacher.mean() + high, color=TEACHER, alpha=0.12, lw=0)
    students = height[height.role == "student"]
    alphas = sorted(students.alpha.unique())
    for number_, alpha in enumerate(alphas):
        points = students[students.alpha == alpha].groupby("at").value
        mean = points.mean()
        style = graded(number_, len(alphas))
        name = f"student, alpha {label(float(alpha))}"
        panel.errorbar(mean.index, mean, yerr=bars(points), capsize=3, label=name, **style)
    panel.set_xlabel("epochs of distillation before the children")
    panel.set_ylabel("barrier (points of test error)")
    panel.set_ylim(bottom=0)
    panel.legend(fontsize=8)


def show(frame: pd.DataFrame) -> list[Table]:
    """Barriers, the children's errors, distance and cosine, a row a checkpoint and mode of norm layers."""
    made = lines(frame)
    if not len(made):
        return []
    shown = table(
        f"Lines between children of one checkpoint, means over pairs and seeds ({number_of(made)})",
        "errors in % of the test split; barriers in points (in brackets: lowest … highest seed)",
    )
    axes = [*AXES, *settings(frame)]
    extra = [name for name in axes if made[name].nunique() > 1]
    heads = ["checkpoint", *extra, "norm layers", "pairs", "children", "barrier", "of loss"]
    for name in [*heads, "distance", "cosine"]:
        shown.add_column(name, justify="left" if name in ("checkpoint", "norm layers") else "right")
    for values in panels(made, extra or ["study"]):
        for name, rows in starts(matching(made, extra or ["study"], values)):
            shape = {m: rows[rows.measure == m].value.mean() for m in ("distance", "cosine")}
            test = rows[rows.split == "test"]
            for bn in (bn for bn in BN if (test.bn == bn).any()):
                own = test[test.bn == bn]
                ends = own[(own.measure == "error") & own.gamma.isin([0, 1])].value.mean()
                families = own[own.measure == "barrier_error"].groupby("seed").value.mean()
                shown.add_row(
                    name,
                    *(label(value) for value in values[: len(extra)]),
                    bn,
                    str(own.key.nunique()),
                    number(ends),
                    f"{families.mean():.1f} ({families.min():.1f} … {families.max():.1f})",
                    number(own[own.measure == "barrier_loss"].value.mean(), ".2f"),
                    number(shape["distance"]),
                    number(shape["cosine"], ".3f"),
                )
    return [shown]
