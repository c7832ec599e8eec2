"""Planes through three networks as contours, lines through two as curves (paper, Figures 5, 13 to 16)."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from randteach.config.labels import label
from randteach.report.grid import Grid
from randteach.report.results import Results
from randteach.report.rows import NETWORK, Row, order, panels, repeats, settings, several, where, within
from randteach.report.statistics import lost
from randteach.report.style import INK, networks, page, save
from randteach.report.summary import number

TITLES = {
    ("kl", "train"): "KL from the teacher, train (nats)",
    ("kl", "test"): "KL from the teacher, test (nats)",
    ("linear", "test"): "linear probe (%)",
    ("linear_std", "test"): "linear probe, standardised (%)",
    ("knn", "test"): "kNN probe (%)",
    ("norm", None): "norm of the weights",
}
OF_EMBEDDINGS = {
    ("kl", "train"): "KL of embeddings, train (nats)",
    ("kl", "test"): "KL of embeddings, test (nats)",
    ("norm", None): "norm of the encoder",
}
CORNERS = "corners"
LEVELS = 12
BEST = (
    "best: the lowest KL and the highest accuracy of all points, in each column at another point. It is the "
    "best on the test split itself, a maximum over test points, and so too good for a result."
)


@dataclass(frozen=True)
class Plane:
    """One plane or line: of one teacher, its students and one setting, so that nothing is averaged."""

    cells: Mapping[str, Any]  # on all axes
    title: str
    rows: Sequence[Row]  # with a value
    lost: Mapping[str, int]  # jobs of points without a number

    @property
    def flat(self) -> bool:
        """Whether it is a line."""
        return not any("y" in row for row in self.rows)

    def points(self, measure: str, split: str | None) -> dict[tuple[float, float], float]:
        """Values of the grid by (x, y); y is 0 on a line."""
        return self._by_place(row for row in self._of(measure, split) if row["place"] != CORNERS)

    def corners(self, measure: str, split: str | None) -> dict[tuple[float, float], float]:
        """Of the networks, T, S1 and S2: the teacher lies at the origin, the first student on the x-axis."""
        found = self._by_place(where(self._of(measure, split), place=CORNERS))
        return dict(sorted(found.items(), key=lambda item: (item[0][1], item[0][0])))

    def best(self, measure: str, split: str | None) -> float:
        """The lowest KL, or the highest of another measure; nan without any."""
        values = [row["value"] for row in self._of(measure, split)]
        return (min if measure == "kl" else max)(values, default=math.nan)

    def _of(self, measure: str, split: str | None) -> list[Row]:
        return where(self.rows, measure=measure, split=split)

    @staticmethod
    def _by_place(rows: Iterable[Row]) -> dict[tuple[float, float], float]:
        return {(row["x"], row.get("y", 0.0)): row["value"] for row in rows}


def contents(results: Results) -> list[Plane]:
    """A plane a teacher, seed and setting that has a point."""
    made = where(results.rows, kind="plane")
    axes, found = [*NETWORK, "draw", *repeats(made), "bn", *settings(results.rows)], []
    for values in panels(made, axes):
        ours = within(made, axes, values)
        rows, missing = [row for row in ours if "value" in row], lost(ours)
        if rows:
            shown = {name: value for name, value in zip(axes, values, strict=True) if name != "draw"}
            title = networks(list(shown), list(shown.values()))
            title += "".join(f"; {count} jobs of points {note}" for note, count in missing.items())
            found.append(Plane(shown, title, rows, missing))
    return sorted(found, key=lambda plane: order(tuple(plane.cells.values())))


def titles(results: Results) -> dict[tuple[str, str | None], str]:
    """Of the panels, by measure and split; where both kinds of planes are swept, a plane's own says which."""
    alone = list(results.settings.get("plane.of", ())) == ["embedding"]
    return TITLES | OF_EMBEDDINGS if alone else TITLES


def draw(results: Results, folder: Path, name: str = "figure") -> None:
    """A row of panels a plane: contours over a heat map, or curves, with the networks marked."""
    found = contents(results)
    if not found:
        return
    with page(3.3 * len(TITLES), 3.5 * len(found), **{"axes.grid": False}) as figure:
        parts: Any = figure.subfigures(len(found), 1, squeeze=False)
        for part, plane in zip(parts[:, 0], found, strict=True):
            part.suptitle(plane.title, fontsize=10, fontweight="bold")
            row: Any = part.subplots(1, len(TITLES), squeeze=False)[0]
            for panel, ((measure, split), title) in zip(row, titles(results).items(), strict=True):
                panel.set_title(title, fontsize=9)
                (_curve if plane.flat else _map)(panel, plane, measure, split)
            if not plane.flat:
                row[0].set_ylabel("towards S2")
        save(figure, folder, name)


def _mark(
    panel: Axes,
    corners: Iterable[tuple[float, float]],
    color: str,
    shown: Callable[[float, float], bool] = lambda x, y: True,
) -> None:
    """The networks by their names, each at its (x, y), those that are to be shown."""
    for name, place in zip(("T", "S1", "S2"), corners, strict=False):
        if not shown(*place):
            continue
        panel.plot(*place, "o", color="white", markeredgecolor=INK, markersize=6)
        style: dict[str, Any] = {"xytext": (5, 5), "textcoords": "offset points", "weight": "bold"}
        panel.annotate(name, place, color=color, **style)


def _map(panel: Axes, plane: Plane, measure: str, split: str | None) -> None:
    points = plane.points(measure, split)
    xs, ys = (np.array(sorted({place[axis] for place in points})) for axis in (0, 1))
    grid = np.array([[points.get((x, y), math.nan) for x in xs] for y in ys]).reshape(len(ys), len(xs))
    if min(grid.shape) > 1 and np.nanmin(grid) < np.nanmax(grid):
        _contours(panel, xs, ys, grid, measure)
    panel.set_xlabel("from T towards S1")
    _mark(panel, plane.corners(measure, split), "white", lambda x, y: _near(x, xs) and _near(y, ys))


def _near(at: float, axis: np.ndarray) -> bool:
    """Whether a place lies within a grid's values on an axis, or no more than a step outside."""
    step = np.diff(axis).max(initial=0.0)
    return not step or bool(axis[0] - step <= at <= axis[-1] + step)


def _contours(panel: Axes, xs: np.ndarray, ys: np.ndarray, grid: np.ndarray, measure: str) -> None:
    scale: dict[str, Any] = {"levels": LEVELS}
    if measure == "kl":
        grid = np.clip(grid, np.nanmin(grid[grid > 0]), None)  # at the teacher itself it can be 0
        low, high = np.log10(np.nanmin(grid)), np.log10(np.nanmax(grid))
        scale = {"norm": LogNorm(), "levels": np.logspace(low, high, LEVELS)}
    filled = panel.contourf(xs, ys, grid, cmap="viridis_r" if measure == "kl" else "viridis", **scale)
    panel.contour(xs, ys, grid, colors=INK, linewidths=0.3, **scale)
    bar = panel.figure.colorbar(filled, ax=panel, shrink=0.8)
    if measure == "kl":
        ticks = [float(value) for value in np.logspace(low, high, 4)]
        bar.set_ticks(ticks, labels=[f"{value:.3g}" for value in ticks])


def _curve(panel: Axes, plane: Plane, measure: str, split: str | None) -> None:
    points = sorted((x, value) for (x, _), value in plane.points(measure, split).items())
    panel.plot([x for x, _ in points], [value for _, value in points], color=INK, marker=".", linewidth=1.4)
    _mark(panel, [(x, value) for (x, _), value in plane.corners(measure, split).items()], INK)
    positive = [value for _, value in points if value > 0]
    if measure == "kl" and positive:
        panel.set_yscale("symlog", linthresh=min(positive))
    panel.set_xlabel("0: teacher, 1: student")


def show(results: Results) -> list[Grid]:
    """The networks' own numbers, and the best points of each plane, a row each."""
    found = contents(results)
    if not found:
        return []
    extra = several([plane.cells for plane in found], found[0].cells)
    heads = [*extra, "point", *titles(results).values()]
    shown = Grid("The networks of the plane, and its best points", heads, len(extra) + 1, BEST)
    for plane in found:
        cells = [label(plane.cells.get(name)) for name in extra]
        corners = {panel: plane.corners(*panel) for panel in TITLES}
        for name, place in zip(("T", "S1", "S2"), corners["kl", "test"], strict=False):
            values = [_text(panel[0], own.get(place, math.nan)) for panel, own in corners.items()]
            shown.rows.append([*cells, name, *values])
        best = [_text(panel[0], plane.best(*panel)) if panel[0] != "norm" else "" for panel in TITLES]
        shown.rows.append([*cells, "best", *best])
        if plane.lost:
            text = ", ".join(f"{count} {note}" for note, count in plane.lost.items())
            shown.rows.append([*cells, f"jobs: {text}", *("" for _ in TITLES)])
    return [shown]


def _text(measure: str, value: float) -> str:
    return number(value, ".3g" if measure == "kl" else ".1f")
