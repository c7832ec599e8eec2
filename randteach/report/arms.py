"""Students beside their teachers, an arm a line (paper, Figure 1, Tables 1 to 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from randteach.config.labels import label
from randteach.jobs.study import COLUMNS
from randteach.kinds import measured, measures
from randteach.report import features, paper, printed
from randteach.report.results import Results
from randteach.report.rows import NETWORK, cells, settings, several
from randteach.report.statistics import Estimate, sample
from randteach.report.style import (
    INK,
    INPUT,
    STAR,
    TEACHER,
    bars_of,
    lengths,
    page,
    paper_handle,
    save,
    titled,
)
from randteach.report.summary import AXES, Row, show, summarise

__all__ = ["draw", "show"]

# How the value of an axis is told; "NAME=value" where it does not stand here.
NAMES = {
    "arch": "{}",
    "width": "width {}",
    "alpha": "alpha {}",
    "net.norm": "norm {}",
    "head.bottleneck": "{}",
    "head.bottleneck_dim": "bottleneck {}",
    "head.out_dim": "{} outputs",
    "data.train_size": "n = {}",
    "probe.normalise": "{} statistics",
}
DOTS = (("teacher", TEACHER, "white"), ("student", INK, INK))
Cells = Mapping[str, Any]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Arm:
    """One line of the figure: what tells it from others, and its numbers by measure."""

    name: str
    rows: Mapping[str, Row]
    stars: Mapping[str, printed.Numbers]  # the paper's

    @property
    def notes(self) -> str:
        """Which students are lost."""
        counts = {row.student.count for row in self.rows.values() if row.student.notes}
        return f" ({', '.join(sorted(counts))})" if counts else ""


def contents(results: Results) -> list[Arm]:
    """The arms, in the order in which the settings' values were given."""
    items = [(row.cells, row) for row in summarise(results)]
    return [
        Arm(
            name,
            {row.cells["measure"]: row for row in own},
            {row.cells["measure"]: theirs for row in own if (theirs := paper.beside(results, row.cells))},
        )
        for name, own in by_arm(results, items).items()
    ]


def by_arm(results: Results, items: Sequence[tuple[Cells, Item]]) -> dict[str, list[Item]]:
    """Items by the names of their arms, in the order in which the settings' values were given.

    An item comes with its values on the axes. Axes that follow from axes before them name no arm.
    """
    axes = [name for name in (*AXES, *settings(results.rows)) if items and name in items[0][0]]
    telling: list[str] = []
    for name in axes:
        before, after = ({cells(own, names) for own, _ in items} for names in (telling, [*telling, name]))
        telling += [name] if len(after) > len(before) else []
    found: dict[str, list[Item]] = {}
    for own, item in sorted(items, key=lambda item: _place(results, item[0], telling)):
        found.setdefault(_name({name: own[name] for name in telling}), []).append(item)
    return found


def _name(own: Cells) -> str:
    named = dict(own)
    parts = []
    if {"dataset", "probed_on"} <= named.keys():
        parts.append(f"{titled(named.pop('dataset'))} \N{RIGHTWARDS ARROW} {titled(named.pop('probed_on'))}")
    for name, value in named.items():
        if name in ("dataset", "probed_on"):
            parts.append(titled(value))
        elif value is not None:  # else it does not apply
            form = NAMES.get(name, name.rpartition(".")[2] + "={}")
            parts.append(form.format(label(value)))
    return ", ".join(parts)


def _place(results: Results, own: Cells, axes: Sequence[str]) -> tuple[int, ...]:
    """Where each value stands among those that were given."""
    names = {column: name for name, column in COLUMNS.items()}
    places = []
    for name in axes:
        given = [label(value) for value in results.settings.get(names.get(name, name), ())]
        places.append(given.index(label(own[name])) if label(own[name]) in given else len(given))
    return tuple(places)


def draw(results: Results, folder: Path, name: str = "figure") -> None:
    """A panel a measure, a line an arm: the student and its teacher, with bars."""
    arms = contents(results)
    rows = [row for arm in arms for row in arm.rows.values()]
    if not any(row.student.n for row in rows):
        return
    made = [one for one in measures() if any(one in arm.rows for arm in arms)]
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
        n = sample(features.students(results.rows), list(rows[0].cells))
        bars = bars_of(point for row in rows for point in (row.teacher, row.student))
        title = f"Students beside their teachers{common([row.cells for row in rows])} ({n}{bars})"
        figure.suptitle(title, fontsize=10, fontweight="bold")
        stars = any(arm.stars for arm in arms)
        figure.legend(handles=_handles(stars), loc="outside lower center", ncols=4, fontsize=8)
        save(figure, folder, name)


def common(found: Sequence[Cells]) -> str:
    """What all arms have in common: ", resnet18 at width 8 on Fashion-MNIST"."""
    same = {name: found[0][name] for name in NETWORK if not several(found, [name])}
    text = f", {same['arch']}" if "arch" in same else ""
    text += f"{' at' if text else ', at'} width {same['width']}" if "width" in same else ""
    if {"dataset", "probed_on"} <= same.keys() and same["dataset"] == same["probed_on"]:
        text += f" on {titled(same['dataset'])}"
    return text


def _draw(panel: Axes, at: float, row: Row, stars: printed.Numbers | None) -> None:
    if row.student.n and row.teacher.n:
        panel.plot([row.teacher.mean, row.student.mean], [at, at], color="#bbbbbb", linewidth=1, zorder=1)
    for name, color, face in DOTS:
        point: Estimate = getattr(row, name)
        if point.n:
            style: Any = {"fmt": "o", "color": color, "mfc": face, "markersize": 5, "capsize": 2}
            panel.errorbar([point.mean], [at], xerr=lengths([point]), linewidth=1, **style)
            if stars:
                panel.plot(getattr(stars, name), at, color=color, **STAR)
    if row.pixels.n:
        panel.plot(row.pixels.mean, at, "|", color=INPUT, markersize=10, markeredgewidth=1.6)


def _handles(stars: bool) -> list[Line2D]:
    found = [
        Line2D([], [], color=color, marker="o", mfc=face, linewidth=0, label=name)
        for name, color, face in DOTS
    ]
    found.append(Line2D([], [], color=INPUT, marker="|", linewidth=0, markersize=10, label="raw pixels"))
    return [*found, paper_handle()] if stars else found
