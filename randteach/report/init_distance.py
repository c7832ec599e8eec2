"""The figure of init distance: accuracy against alpha, and along training (paper, figure 3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from randteach.config.labels import label
from randteach.kinds import measured, measures
from randteach.report import features, paper, printed
from randteach.report.results import Results
from randteach.report.rows import NETWORK, Cells, owners, panels, settings, where, within
from randteach.report.statistics import Estimate, estimates, nested, sample
from randteach.report.style import (
    INK,
    INPUT,
    STAR,
    TEACHER,
    alpha_axis,
    alpha_places,
    band,
    barred,
    bars_of,
    curve,
    graded,
    lost,
    networks,
    page,
    paper_handle,
    save,
)
from randteach.report.summary import show

__all__ = ["draw", "show"]


@dataclass(frozen=True)
class Panel:
    """What is drawn of one measure in one setting."""

    values: Cells  # on the networks' and the settings' axes
    measure: str
    last: Mapping[float, Estimate]  # by alpha
    along: Mapping[float, Mapping[float, Estimate]]  # by alpha, then by epoch
    teacher: Estimate = field(default_factory=Estimate)
    pixels: Estimate = field(default_factory=Estimate)
    stars: Mapping[float, printed.Numbers] = field(default_factory=dict)  # the paper's, by alpha


def contents(results: Results) -> Iterator[tuple[str, list[Panel]]]:
    """Title and panels of each setting that has a student's number."""
    rows = results.rows
    tested, ends = features.tested(rows, "student"), features.students(rows)
    teachers, pixels = (features.tested(rows, role) for role in ("teacher", "input"))
    axes = [*NETWORK, *settings(rows)]
    for values in panels(ends, axes):
        ours, along = within(ends, axes, values), within(tested, axes, values)
        if not any("value" in row for row in along):
            continue
        named = dict(zip(axes, values, strict=True))
        last = estimates(ours, ["measure", "alpha"])
        epochs = nested(estimates(along, ["measure", "alpha", "epoch"]))
        above, below = (estimates(owners(ours, f, ["measure"]), ["measure"]) for f in (teachers, pixels))
        found = [
            Panel(
                values,
                measure,
                {alpha: point for (own, alpha), point in last.items() if own == measure},
                {alpha: line for (own, alpha), line in epochs.items() if own == measure},
                above.get((measure,), Estimate()),
                below.get((measure,), Estimate()),
                {
                    alpha: theirs
                    for alpha in sorted({row["alpha"] for row in ours})
                    if (theirs := paper.beside(results, {**named, "measure": measure, "alpha": alpha}))
                },
            )
            for measure in measures()
            if where(ours, measure=measure)
        ]
        bars = bars_of(point for panel in found for point in (*panel.last.values(), panel.teacher))
        yield f"{networks(axes, values)} ({sample(ours, ['measure', 'alpha'])}{bars})", found


def draw(results: Results, folder: Path, name: str = "figure") -> None:
    """Accuracy against alpha, and against epochs by alpha (paper, figure 3).

    Two rows of panels a setting: above at the last epoch, with the teacher's and the raw pixels' accuracy
    as lines; below along training.
    """
    parts = list(contents(results))
    if not parts:
        return
    most = max(len(panels) for _, panels in parts)
    with page(3.5 * most, 5.9 * len(parts) + 0.5) as figure:
        places: Any = figure.subfigures(len(parts), 1, squeeze=False)
        for place, (title, found) in zip(places[:, 0], parts, strict=True):
            place.suptitle(title, fontsize=10, fontweight="bold")
            panels = place.subplots(2, most, sharey="row", squeeze=False)
            for (above, below), panel in zip(panels.T, found, strict=False):
                _against_alpha(above, panel)
                _against_epochs(below, panel)
            for unused in panels[:, len(found) :].flat:
                unused.set_axis_off()
            panels[0, 0].set_ylabel("test accuracy (%), last epoch")
            panels[1, 0].set_ylabel("test accuracy (%)")
            handles = [*_roles(found), *_alphas(found)]
            place.legend(handles=handles, loc="outside lower center", ncols=8, fontsize=8)
        save(figure, folder, name)


def _against_alpha(panel: Axes, content: Panel) -> None:
    places = alpha_places(content.last)
    band(panel, content.teacher, TEACHER, "--")
    band(panel, content.pixels, INPUT, ":")
    points = {places[alpha]: point for alpha, point in content.last.items()}
    barred(panel, points, color=INK, marker="o", markersize=5, linewidth=1.6)
    for x, point in points.items():
        panel.plot([x] * point.n, point.draws, ".", color=INK, alpha=0.35, markersize=4, linewidth=0)
    lost(panel, points)
    for alpha, theirs in content.stars.items():
        panel.plot(places[alpha], theirs.student, color=INK, clip_on=False, **STAR)
        panel.plot(places[alpha], theirs.teacher, color=TEACHER, clip_on=False, **STAR)
    panel.set_title(measured(content.measure))
    alpha_axis(panel, places)
    panel.set_xlabel("init distance alpha (0: the teacher, 1: a fresh draw)")


def _against_epochs(panel: Axes, content: Panel) -> None:
    alphas = sorted(content.last)
    for number, alpha in enumerate(alphas):
        curve(panel, content.along.get(alpha, {}), **graded(number, len(alphas)))
    for point, color, line in ((content.teacher, TEACHER, "--"), (content.pixels, INPUT, ":")):
        if point.n:
            panel.axhline(point.mean, color=color, linestyle=line, linewidth=1.2)
    panel.set_xlabel("epochs of distillation")


def _roles(found: list[Panel]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=INK, marker="o", markersize=5, label="student"),
        Line2D([], [], color=TEACHER, linestyle="--", label="its teacher"),
        Line2D([], [], color=INPUT, linestyle=":", label="raw pixels"),
    ]
    if any(panel.stars for panel in found):
        handles.append(paper_handle())
    return handles


def _alphas(found: list[Panel]) -> list[Line2D]:
    alphas = sorted({alpha for panel in found for alpha in panel.last})
    return [
        Line2D([], [], label=f"alpha {label(alpha)}", **graded(number, len(alphas)))
        for number, alpha in enumerate(alphas)
    ]
