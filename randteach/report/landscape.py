"""Loss planes: contours over the plane through three networks, or curves along a line (Figure 5)."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from rich.table import Table

from randteach.labels import label
from randteach.report.style import INK, STYLE, networks, save
from randteach.report.summary import number, settings, table

AXES = ("probed_on", "arch", "width", "seed", "bn")
PANELS = {
    ("kl", "train"): "KL from the teacher, train (nats)",
    ("kl", "test"): "KL from the teacher, test (nats)",
    ("linear", "test"): "linear probe (%)",
    ("linear_std", "test"): "linear probe, standardised (%)",
    ("knn", "test"): "kNN probe (%)",
    ("norm", None): "norm of the weights",
}
LEVELS = 12


def points(frame: pd.DataFrame) -> pd.DataFrame:
    """All numbers of points of planes and lines."""
    return frame[frame.kind == "plane"].dropna(subset="value")


def draw(frame: pd.DataFrame, folder: Path, name: str = "figure") -> None:
    """A row of panels a seed and setting: contours over a heat map, or curves, with the networks marked."""
    made = points(frame)
    axes = [*AXES, *settings(frame)]
    groups = list(made.groupby(axes, dropna=False, sort=True))
    if not groups:
        return
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(3.3 * len(PANELS), 3.5 * len(groups)), layout="constrained")
        parts: Any = figure.subfigures(len(groups), 1, squeeze=False)
        for part, (values, ours) in zip(parts[:, 0], groups, strict=True):
            part.suptitle(networks(axes, values), fontsize=10, fontweight="bold")
            panels: Any = part.subplots(1, len(PANELS), squeeze=False)
            for panel, ((measure, split), title) in zip(panels[0], PANELS.items(), strict=True):
                own = ours[(ours.measure == measure) & (ours.split == split if split else ours.split.isna())]
                panel.set_title(title, fontsize=9)
                (_map if own.y.notna().any() else _curve)(panel, own, measure)
            if ours.y.notna().any():
                panels[0, 0].set_ylabel("towards S2")
        save(figure, folder, name)


def names(corners: pd.DataFrame) -> list[str]:
    """The networks in the order in which a job evaluates them: teacher, then students by alpha."""
    return ["T", "S1", "S2"][: len(corners)]


def _corners(own: pd.DataFrame) -> pd.DataFrame:
    """The networks themselves, the teacher first: it lies at the origin, the first student on the x-axis."""
    corners = own[own.place == "corners"]
    order = np.lexsort((corners.x, corners.y.fillna(0)))
    return corners.iloc[order]


def _map(panel: Axes, own: pd.DataFrame, measure: str) -> None:
    grid = own[own.place != "corners"].pivot_table(index="y", columns="x", values="value")
    if min(grid.shape) > 1 and grid.min().min() < grid.max().max():
        _contours(panel, grid, measure)
    panel.set_xlabel("from T towards S1")
    corners = _corners(own)
    for text, x, y in zip(names(corners), corners.x, corners.y, strict=True):
        panel.plot(x, y, "o", color="white", markeredgecolor=INK, markersize=6)
        panel.annotate(text, (x, y), xytext=(5, 5), textcoords="offset points", color="white", weight="bold")


def _contours(panel: Axes, grid: pd.DataFrame, measure: str) -> None:
    if measure == "kl":
        shown = grid.clip(lower=grid[grid > 0].min().min())  # at the teacher itself it can be 0
        low, high = np.log10(shown.min().min()), np.log10(shown.max().max())
        scale: dict[str, Any] = {"norm": LogNorm(), "levels": np.logspace(low, high, LEVELS)}
    else:
        shown, scale = grid, {"levels": LEVELS}
    colors = "viridis_r" if measure == "kl" else "viridis"
    filled = panel.contourf(shown.columns, shown.index, shown, cmap=colors, **scale)
    panel.contour(shown.columns, shown.index, shown, colors=INK, linewidths=0.3, **scale)
    bar = panel.figure.colorbar(filled, ax=panel, shrink=0.8)
    if measure == "kl":
        ticks = [float(v) for v in np.logspace(low, high, 4)]
        bar.set_ticks(ticks, labels=[f"{v:.2g}" for v in ticks])


def _curve(panel: Axes, own: pd.DataFrame, measure: str) -> None:
    line = own[own.place != "corners"].sort_values("x")
    panel.plot(line.x, line.value, color=INK, marker=".", linewidth=1.4)
    corners = own[own.place == "corners"].sort_values("x")
    for text, x, value in zip(names(corners), corners.x, corners.value, strict=True):
        panel.plot(x, value, "o", color="white", markeredgecolor=INK, markersize=7)
        panel.annotate(text, (x, value), xytext=(5, 5), textcoords="offset points", weight="bold")
    if measure == "kl" and (line.value > 0).any():
        panel.set_yscale("symlog", linthresh=float(line.value[line.value > 0].min()))
    panel.set_xlabel("0: teacher, 1: student")


def show(frame: pd.DataFrame) -> list[Table]:
    """The networks' own numbers, and the best point of the plane, a row each."""
    made = points(frame)
    if not len(made):
        return []
    shown = table("The networks of the plane, and its best points")
    extra = [name for name in (*AXES, *settings(frame)) if made[name].nunique(dropna=False) > 1]
    for head in (*extra, "point", *PANELS.values()):
        shown.add_column(head, justify="right")
    for values, ours in made.groupby(extra or ["study"], dropna=False):
        axes = [label(value) for value in values[: len(extra)]]
        corners = ours[ours.place == "corners"]
        kl = _corners(corners[(corners.measure == "kl") & (corners.split == "test")])
        for text, x, y in zip(names(kl), kl.x, kl.y, strict=True):
            at = corners[(corners.x == x) & (corners.y.isna() if pd.isna(y) else corners.y == y)]
            shown.add_row(*axes, text, *(_value(at, *panel) for panel in PANELS))
        shown.add_row(*axes, "best", *(_value(ours, *panel) for panel in PANELS))
    return [shown]


def _value(rows: pd.DataFrame, measure: str, split: str | None) -> str:
    own = rows[(rows.measure == measure) & (rows.split == split if split else rows.split.isna())].value
    if measure == "norm" and len(own) > 1:
        return ""
    best = own.min() if measure == "kl" else own.max()
    return number(best, ".3g" if measure == "kl" else ".1f")
