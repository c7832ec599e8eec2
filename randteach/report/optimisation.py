"""Distillation itself: KL and distance from the start along training, for each alpha (paper, Figure 17)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from randteach.config.labels import label
from randteach.kinds import measured
from randteach.report import features, summary
from randteach.report.grid import Grid
from randteach.report.results import Results
from randteach.report.rows import NETWORK, Cells, last, panels, settings, several, where, within
from randteach.report.statistics import Estimate, estimates, gains, nested, sample
from randteach.report.style import (
    alpha_axis,
    alpha_places,
    barred,
    bars_of,
    curve,
    graded,
    networks,
    page,
    save,
)
from randteach.report.summary import number, spread, spread_told

KL, MOVED = "kl", "distance_start_encoder"
DRAWN = {KL: "KL from the teacher (nats)", MOVED: "encoder's distance\nfrom its start (L2)"}
TOLD = {
    MOVED: "encoder from start",
    "distance_start_head": "head from start",
    "distance_teacher_encoder": "encoder from teacher",
}
GAIN = "linear"
MARKS = 10  # at most about so many markers a line
Line = Mapping[float, Estimate]  # by epoch, or by alpha


@dataclass(frozen=True)
class Content:
    """What is known of the students of one network in one setting."""

    cells: Mapping[str, Any]  # on all axes
    name: str
    sample: str
    along: Mapping[Cells, Line]  # by measure and alpha: means over teachers
    single: Mapping[Cells, Sequence[Line]]  # by measure and alpha: each teacher's own
    last: Mapping[str, Line]  # by measure
    gain: Line  # of the linear probe over the teacher

    @property
    def alphas(self) -> list[float]:
        """All that are planned."""
        return sorted({alpha for line in self.last.values() for alpha in line})


def contents(results: Results) -> list[Content]:
    """A network and setting each that has a student's number."""
    trained = [row for row in where(results.rows, kind="distill") if row["measure"] in (KL, *TOLD)]
    ends = where(features.students(results.rows), measure=GAIN)
    gained = gains(ends, features.tested(results.rows, "teacher"))
    axes, found = [*NETWORK, *settings(results.rows)], []
    for values in panels([*trained, *ends], axes):
        ours = within(trained, axes, values)
        if not any("value" in row for row in ours):
            continue
        named = {name: value for name, value in zip(axes, values, strict=True) if value is not None}
        by, single = ["measure", "alpha"], dict[Cells, list[Line]]()
        for (*line, _), points in nested(estimates(ours, [*by, "draw", "epoch"])).items():
            single.setdefault(tuple(line), []).append(points)
        found.append(
            Content(
                named,
                networks(list(named), list(named.values())),
                sample(ours, [*by, "epoch"]),
                nested(estimates(ours, [*by, "epoch"])),
                single,
                {measure: line for (measure,), line in nested(estimates(last(ours), by)).items()},
                nested(estimates(within(gained, axes, values), ["alpha"])).get((), {}),
            )
        )
    return found


def draw(results: Results, folder: Path, name: str = "figure") -> None:
    """A column a network: KL and distance along training, a line an alpha; then all against alpha."""
    found = contents(results)
    if not found:
        return
    alphas = sorted({alpha for content in found for alpha in content.alphas})
    styles = {alpha: graded(at, len(alphas)) for at, alpha in enumerate(alphas)}
    with page(3.6 * (len(found) + 1), 6.4) as figure:
        places = figure.add_gridspec(6, len(found) + 1)
        for at, content in enumerate(found):
            above = figure.add_subplot(places[:3, at])
            below = figure.add_subplot(places[3:, at], sharex=above)
            for panel, measure in zip((above, below), DRAWN, strict=True):
                _along(panel, content, measure, styles)
            above.set_title(f"{content.name}\n({content.sample})", fontsize=8)
        ends = [figure.add_subplot(places[2 * row : 2 * row + 2, -1]) for row in range(3)]
        _at_the_end(ends, found, alphas)
        points = [p for content in found for line in content.last.values() for p in line.values()]
        title = f"Distillation by init distance\nthin lines: single teachers{bars_of(points)}"
        figure.suptitle(title, fontsize=9)
        handles = [Line2D([], [], label=f"alpha {label(alpha)}", **style) for alpha, style in styles.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=8, fontsize=8)
        save(figure, folder, name)


def _along(panel: Axes, content: Content, measure: str, styles: Mapping[float, Mapping[str, Any]]) -> None:
    for alpha in content.alphas:
        line, style = content.along.get((measure, alpha), {}), styles[alpha]
        for own in content.single.get((measure, alpha), ()):
            curve(panel, own, color=style["color"], alpha=0.3, linewidth=0.6)
        curve(panel, line, markevery=max(1, len(line) // MARKS), **style)
    _scale(panel, measure)
    panel.set_xlabel("epochs of distillation")


def _scale(panel: Axes, measure: str) -> None:
    panel.set_yscale("log" if measure == KL else "linear")
    panel.set_ylabel(DRAWN[measure], fontsize=8)


def _at_the_end(ends: Sequence[Axes], found: Sequence[Content], alphas: Sequence[float]) -> None:
    """The last epoch's numbers against alpha, a line a network; gains in the third panel."""
    places = alpha_places(alphas)
    for at, content in enumerate(found):
        lines = [*(content.last.get(measure, {}) for measure in DRAWN), content.gain]
        for panel, line in zip(ends, lines, strict=True):
            points = {places[alpha]: point for alpha, point in line.items()}
            barred(panel, points, label=content.name, **graded(at, len(found)))
    for panel, measure in zip(ends, DRAWN, strict=False):
        _scale(panel, measure)
    ends[2].set_ylabel(f"gain over the teacher,\n{measured(GAIN)} (points)", fontsize=8)
    ends[2].axhline(0, color="#999999", linewidth=0.8)
    ends[2].set_xlabel("init distance alpha (0: the teacher, 1: a fresh draw)")
    for panel in ends:
        alpha_axis(panel, places)
    ends[0].set_title("Summary: last epoch", fontsize=8)
    ends[0].legend(fontsize=6.5)


def show(results: Results) -> list[Grid]:
    """KL and distances at the last epoch, a row a network and alpha; then what the features are worth."""
    found = contents(results)
    if not found:
        return []
    extra = several([content.cells for content in found], [*NETWORK, *settings(results.rows)])
    heads = [*extra, "alpha", "n", "KL", "spread", *TOLD.values()]
    spreads = spread_told(point for content in found for point in content.last.get(KL, {}).values())
    caption = (
        "KL from the teacher in nats: the mean over the last epoch's batches, each before its update. "
        f"Distances: L2 norm of differences of weights. Spread of KL: {spreads}."
    )
    shown = Grid("Distillation at its last epoch", heads, len(extra) + 1, caption)
    for content in found:
        for alpha in content.alphas:
            kl, *distances = (content.last.get(name, {}).get(alpha, Estimate()) for name in (KL, *TOLD))
            row = [*(label(content.cells.get(name)) for name in extra), label(alpha), kl.count]
            row += [number(kl.mean, ".3g"), spread(kl, ".2g")]
            shown.rows.append([*row, *(number(point.mean, ".2f") for point in distances)])
    return [shown, *summary.show(results)]
