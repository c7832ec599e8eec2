"""Students beside their teachers, an arm a line (paper, Figure 1, Tables 1 to 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from randteach.config.labels import label
from randteach.jobs.study import COLUMNS
from randteach.kinds import measured, measures
from randteach.report import features, paper
from randteach.report.results import Results
from randteach.report.rows import NETWORK, settings, several
from randteach.report.statistics import Estimate, sample
from randteach.report.style import INK, INPUT, TEACHER, bars_of, lengths, page, save, titled
from randteach.report.summary import AXES, Row, show, summarise

__all__ = ["draw", "show"]

NAMES = {"width": "width ", "alpha": "alpha ", "arch": ""}
DOTS = (("teacher", TEACHER, "white"), ("student", INK, INK))


@dataclass(frozen=True)
class Arm:
    """One line of the figure: what tells it from others, and its numbers by measure."""

    name: str
    rows: Mapping[str, Row]
    stars: Mapping[str, paper.Numbers]  # the paper's

    @property
    def notes(self) -> str:
        """Which students are lost."""
        counts = {row.student.count for row in self.rows.values() if row.student.notes}
        return f" ({', '.join(sorted(counts))})" if counts else ""


def contents(results: Results) -> list[Arm]:
    """The arms, in the order in which the settings' values were given."""
    rows = summarise(results)
    axes = several([row.cells for row in rows], (*AXES, *settings(results.rows)))
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.cells[name] for name in axes), []).append(row)
    shown = _telling(axes, list(groups))
    return [
        Arm(
            _name({name: cell for name, cell in zip(axes, cells, strict=True) if name in shown}),
            {str(row.cells["measure"]): row for row in own},
            {
                str(row.cells["measure"]): theirs
                for row in own
                if (theirs := paper.beside(results, row.cells))
            },
        )
        for cells, own in sorted(groups.items(), key=lambda item: _place(results, axes, item[0]))
    ]


def _telling(axes: Sequence[str], arms: Sequence[tuple[Any, ...]]) -> list[str]:
    """The axes that tell arms apart, without those that follow from axes before them."""
    kept: list[str] = []
    for name in axes:
        before = [axes.index(one) for one in kept]
        known: dict[tuple[Any, ...], set[Any]] = {}
        for cells in arms:
            known.setdefault(tuple(cells[at] for at in before), set()).add(cells[axes.index(name)])
        if any(len(values) > 1 for values in known.values()):
            kept.append(name)
    return kept


def _name(cells: Mapping[str, Any]) -> str:
    named = dict(cells)
    parts = []
    if {"dataset", "probed_on"} <= named.keys():
        parts.append(f"{titled(named.pop('dataset'))} \N{RIGHTWARDS ARROW} {titled(named.pop('probed_on'))}")
    for name, value in named.items():
        if name in ("dataset", "probed_on"):
            parts.append(titled(value))
        else:
            parts.append(f"{NAMES.get(name, name.rpartition('.')[2] + '=')}{label(value)}")
    return ", ".join(parts)


def _place(results: Results, axes: Sequence[str], cells: Sequence[Any]) -> tuple[int, ...]:
    """Where each value stands among those that were given."""
    names = {column: name for name, column in COLUMNS.items()}
    places = []
    for name, cell in zip(axes, cells, strict=True):
        given = [label(value) for value in results.settings.get(names.get(name, name), ())]
        places.append(given.index(label(cell)) if label(cell) in given else len(given))
    return tuple(places)


def draw(results: Results, folder: Path, name: str = "figure") -> None:
    """A panel a measure, a line an arm: the student and its teacher, with bars."""
    arms = contents(results)
    made = [one for one in measures() if any(one in arm.rows for arm in arms)]
    if not any(row.student.n for arm in arms for row in arm.rows.values()):
        return
    points = [p for arm in arms for row in arm.rows.values() for p in (row.teacher, row.student)]
    longest = max(len(arm.name) + len(arm.notes) for arm in arms)
    with page(2.4 * len(made) + 0.075 * longest, 0.3 * len(arms) + 1.5) as figure:
        panels = figure.subplots(1, len(made), sharey=True, squeeze=False)[0]
        for panel, measure in zip(panels, made, strict=True):
            for at, arm in enumerate(arms):
                if measure in arm.rows:
                    _draw(panel, at, arm.rows[measure], arm.stars.get(measure))
            panel.set_title(measured(measure))
            panel.set_xlabel("test accuracy (%)")
        panels[0].set_yticks(range(len(arms)), [arm.name + arm.notes for arm in arms])
        panels[0].set_ylim(len(arms) - 0.4, -0.6)
        n = sample(features.students(results.rows), ["measure", *AXES, *settings(results.rows)])
        title = f"Students beside their teachers{_common(results)} ({n}{bars_of(points)})"
        figure.suptitle(title, fontsize=10, fontweight="bold")
        stars = any(arm.stars for arm in arms)
        figure.legend(handles=_handles(stars), loc="outside lower center", ncols=4, fontsize=8)
        save(figure, folder, name)


def _common(results: Results) -> str:
    """What all arms have in common: ", resnet18 at width 8 on Fashion-MNIST"."""
    cells = [row.cells for row in summarise(results)]
    same = {name: cells[0][name] for name in NETWORK if not several(cells, [name])}
    text = f", {same['arch']}" if "arch" in same else ""
    text += f"{' at' if text else ', at'} width {same['width']}" if "width" in same else ""
    if {"dataset", "probed_on"} <= same.keys() and same["dataset"] == same["probed_on"]:
        text += f" on {titled(same['dataset'])}"
    return text


def _draw(panel: Axes, at: float, row: Row, stars: paper.Numbers | None) -> None:
    if row.student.n and row.teacher.n:
        panel.plot([row.teacher.mean, row.student.mean], [at, at], color="#bbbbbb", linewidth=1, zorder=1)
    for name, color, face in DOTS:
        point: Estimate = getattr(row, name)
        if point.n:
            style: Any = {"fmt": "o", "color": color, "mfc": face, "markersize": 5, "capsize": 2}
            panel.errorbar([point.mean], [at], xerr=lengths([point]), linewidth=1, **style)
            if stars:
                panel.plot(getattr(stars, name), at, "*", color=color, mfc="white", markersize=10)
    if row.pixels.n:
        panel.plot(row.pixels.mean, at, "|", color=INPUT, markersize=10, markeredgewidth=1.6)


def _handles(stars: bool) -> list[Line2D]:
    found = [
        Line2D([], [], color=color, marker="o", mfc=face, linewidth=0, label=name)
        for name, color, face in DOTS
    ]
    found.append(Line2D([], [], color=INPUT, marker="|", linewidth=0, markersize=10, label="raw pixels"))
    if stars:
        style: Any = {"color": INK, "marker": "*", "mfc": "white", "linewidth": 0, "markersize": 10}
        found.append(Line2D([], [], label="the paper's", **style))
    return found
