"""Restarts: accuracy round after round, the student as the next teacher (paper, Figure 18)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from randteach.config.labels import label
from randteach.kinds import measured, measures
from randteach.report import features
from randteach.report.grid import Grid
from randteach.report.results import Results
from randteach.report.rows import NETWORK, Row, order, owners, panels, settings, several, where, within
from randteach.report.statistics import Estimate, estimates, gains, nested, sample
from randteach.report.style import INPUT, band, barred, bars_of, graded, networks, page, save
from randteach.report.summary import number, spread, spread_told, told


@dataclass(frozen=True)
class Panel:
    """What is drawn of one measure in one setting."""

    measure: str
    lines: Mapping[float, Mapping[float, Estimate]]  # by alpha, then by round
    pixels: Estimate = field(default_factory=Estimate)


def rounds(rows: Sequence[Row]) -> list[Row]:
    """Each round's students at their last epoch; as round 0 the random teachers, under the first's labels."""
    students = [row for row in features.students(rows) if "round" in row]
    by = ["measure", *NETWORK, "alpha", *settings(rows)]
    zero = owners(where(students, round=1), features.tested(rows, "teacher"), by)
    return [*({**row, "round": 0} for row in zero), *students]


def added(rows: Sequence[Row]) -> list[Row]:
    """Students of the second round, each less the one that it copied."""
    first, second = (where(features.students(rows), round=number) for number in (1, 2))
    return gains(second, first, ("teacher", "round"))


def contents(results: Results) -> Iterator[tuple[str, list[Panel]]]:
    """Title and panels of each setting that has a number."""
    made = rounds(results.rows)
    axes = [*NETWORK, *settings(results.rows)]
    for values in panels(made, axes):
        ours = within(made, axes, values)
        if not any("value" in row for row in ours):
            continue
        points = estimates(ours, ["measure", "alpha", "round"])
        pixels = estimates(owners(ours, features.tested(results.rows, "input"), ["measure"]), ["measure"])
        by_round = nested(points)
        found = []
        for measure in (name for name in measures() if where(ours, measure=name)):
            lines = {alpha: line for (own, alpha), line in by_round.items() if own == measure}
            found.append(Panel(measure, lines, pixels.get((measure,), Estimate())))
        title = networks(axes, values)
        yield f"{title} ({sample(ours, ['measure', 'alpha', 'round'])}{bars_of(points.values())})", found


def draw(results: Results, folder: Path, name: str = "figure") -> None:
    """Accuracy against rounds, a panel a measure, a line an alpha."""
    parts = list(contents(results))
    if not parts:
        return
    most = max(len(found) for _, found in parts)
    with page(3.5 * most, 3.6 * len(parts)) as figure:
        places: Any = figure.subfigures(len(parts), 1, squeeze=False)
        for place, (title, found) in zip(places[:, 0], parts, strict=True):
            place.suptitle(title, fontsize=10, fontweight="bold")
            row = place.subplots(1, most, squeeze=False)[0]
            for panel, content in zip(row, found, strict=False):
                _draw(panel, content)
            for unused in row[len(found) :]:
                unused.set_axis_off()
            row[0].set_ylabel("test accuracy (%), last epoch")
        save(figure, folder, name)


def _draw(panel: Axes, content: Panel) -> None:
    for at, (alpha, points) in enumerate(content.lines.items()):
        barred(panel, points, label=f"student, alpha {label(alpha)}", **graded(at, len(content.lines)))
    band(panel, content.pixels, INPUT, ":", "raw pixels")
    panel.set_title(measured(content.measure))
    panel.set_xticks(sorted({number for points in content.lines.values() for number in points}))
    panel.set_xlabel("round (0: the random teacher)")
    panel.legend(fontsize=7)


def show(results: Results) -> list[Grid]:
    """Mean accuracies, a row a measure and alpha, a column a round, and what the second round adds."""
    made, more = rounds(results.rows), added(results.rows)
    if not made:
        return []
    extra = several(made, (*NETWORK, "alpha", *settings(results.rows)))
    by = ["measure", *extra]
    points, gained = estimates(made, [*by, "round"]), estimates(more, by)
    numbers = sorted({cells[-1] for cells in points})
    heads = [*by, *(f"round {at}" for at in numbers)]
    heads += ["second round adds", "spread"] if gained else []
    caption = "Round 0 is the random teacher; in brackets n where students are lost."
    if gained:
        caption += f" Spread of what the second round adds: {spread_told(gained.values())}."
    title = (
        f"Test accuracy in %, student at its last epoch, round after round ({sample(made, [*by, 'round'])})"
    )
    shown = Grid(title, heads, len(by), caption)
    rows = {cells[:-1] for cells in points}
    for cells in sorted(rows, key=lambda cells: (measures().index(cells[0]), order(cells[1:]))):
        row = [cells[0], *map(label, cells[1:])]
        row += [told(points.get((*cells, at), Estimate())) for at in numbers]
        gain = gained.get(cells, Estimate())
        row += [number(gain.mean, "+.1f"), spread(gain, "+.1f")] if gained else []
        shown.rows.append(row)
    return [shown]
