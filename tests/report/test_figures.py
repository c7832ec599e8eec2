"""What figures draw, of five random tables of each kind and of tables made by hand: all that artists hold."""

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from randteach.report import connect, init_distance, plane, restart, tickets
from randteach.report.results import Results
from randteach.report.statistics import Estimate
from tests.report import tables
from tests.report.tables import SKIPPED, student, teacher

Row = dict[str, Any]
Draw = Callable[[ModuleType, list[Row]], list[Axes]]
NUMBERS = [0, 1, 2, 3, 4]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Draw:
    """Draws a report's figure, without writing it, and gives its panels."""

    def draw(report: ModuleType, rows: list[Row]) -> list[Axes]:
        found: list[Figure] = []
        monkeypatch.setattr(report, "save", lambda figure, folder, name: found.append(figure))
        report.draw(Results(tables.frame(rows), {}, {}), tmp_path)
        return list(found[0].axes) if found else []

    return draw


def bars(panel: Axes) -> list[dict[float, tuple[float, float, float]]]:
    """Of each line with bars: by x, mean and the ends of its bar."""
    found = []
    for container in panel.containers:
        line, _, (segments,) = container  # type: ignore[misc]
        ends = {x: (low, high) for (x, low), (_, high) in segments.get_segments()}
        found.append({x: (y, *ends[x]) for x, y in zip(*line.get_data(), strict=True)})
    return found


def levels(panel: Axes) -> list[float]:
    """Heights of lines across the panel."""
    lines = [line for line in panel.get_lines() if line.get_linestyle() in ("--", ":")]
    return [line.get_ydata()[0] for line in lines if list(line.get_xdata()) == [0, 1]]


def spans(panel: Axes) -> list[tuple[float, float]]:
    """Bands across the panel."""
    found = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
    return [(patch.get_y(), patch.get_y() + patch.get_height()) for patch in found]


def curves(panel: Axes) -> list[dict[float, float]]:
    return [dict(zip(*line.get_data(), strict=True)) for line in panel.get_lines()]


def bar_of(point: Estimate) -> tuple[float, float, float]:
    """Mean and the ends of its bar, the mean itself where there is none."""
    return (point.mean, point.low, point.high) if point.bar else (point.mean,) * 3


def barred(points: Mapping[float, Estimate]) -> dict[float, Any]:
    return {x: pytest.approx(bar_of(point)) for x, point in points.items() if point.n}


def plain(points: Mapping[float, Estimate]) -> dict[float, Any]:
    return {x: pytest.approx(point.mean) for x, point in points.items() if point.n}


def check_levels(panel: Axes, points: Iterable[Estimate], *, banded: bool = True) -> None:
    found = [point for point in points if point.n]
    assert levels(panel) == [pytest.approx(point.mean) for point in found]
    want = [(point.low, point.high) for point in found if point.bar and banded]
    assert spans(panel) == [pytest.approx(band) for band in want]


def results(rows: list[Row]) -> Results:
    return Results(tables.frame(rows), {}, {})


@pytest.mark.parametrize("number", NUMBERS)
def test_init_distance(number: int, drawn: Draw) -> None:
    rows = tables.features(random.Random(number))
    parts = [panels for _, panels in init_distance.contents(results(rows))]
    left, most = drawn(init_distance, rows), max(map(len, parts), default=0)
    assert len(left) == 2 * most * len(parts)
    for panels in parts:
        above, below, left = left[:most], left[most : 2 * most], left[2 * most :]
        for content, last, along in zip(panels, above, below, strict=False):
            near = sorted(alpha for alpha in content.last if alpha < 1e-6)
            place = {alpha: -0.09 * (len(near) - 1 - n) for n, alpha in enumerate(near)}
            ticks = dict(zip((t.get_text() for t in last.get_xticklabels()), last.get_xticks(), strict=True))
            for alpha in near:
                assert ticks["0" if alpha == 0 else "≈ 0"] == place[alpha]
            (line,) = bars(last) or [{}]
            points = {place.get(alpha, alpha): point for alpha, point in content.last.items()}
            assert line == barred(points)
            check_levels(last, (content.teacher, content.pixels))
            lost = [point for point in content.last.values() if point.notes]
            assert [text.get_text() for text in last.texts] == [f"n = {point.count}" for point in lost]
            check_levels(along, (content.teacher, content.pixels), banded=False)
            want = [plain(content.along[alpha]) for alpha in content.last]
            assert curves(along)[: len(want)] == want


@pytest.mark.parametrize("number", NUMBERS)
def test_restart(number: int, drawn: Draw) -> None:
    rows = tables.features(random.Random(number), rounds=2)
    parts = [panels for _, panels in restart.contents(results(rows))]
    left, most = drawn(restart, rows), max(map(len, parts), default=0)
    assert len(left) == most * len(parts)
    for panels in parts:
        row, left = left[:most], left[most:]
        for content, panel in zip(panels, row, strict=False):
            check_levels(panel, [content.pixels])
            assert bars(panel) == [barred(line) for line in content.lines.values()]


@pytest.mark.parametrize("number", NUMBERS)
def test_tickets(number: int, drawn: Draw) -> None:
    rows = tables.tickets(random.Random(number))
    parts, left = tickets.contents(results(rows)), drawn(tickets, rows)
    most = 1 + any(line.control for part in parts for line in part.lines)
    assert len(left) == most * len(parts)
    for part in parts:
        row, left = left[:most], left[most:]
        for panel, controls in zip(row, (False, True), strict=False):
            want = [line for line in part.lines if bool(line.control) == controls]
            shown = [barred({100 * kept: p for kept, p in line.points.items()}) for line in want]
            found = bars(panel)
            assert all(line in found for line in shown) and (controls or len(found) == len(shown))
            names = [text.get_text() for text in panel.get_legend().get_texts()]
            assert all(any(name.startswith(line.name) for name in names) for line in want)


@pytest.mark.parametrize("number", NUMBERS)
def test_connectivity(number: int, drawn: Draw) -> None:
    rows = tables.lines(random.Random(number))
    parts, left = connect.contents(results(rows)), drawn(connect, rows)
    assert len(left) == 2 * len(parts)
    for part in parts:
        along, barrier, left = left[0], left[1], left[2:]
        found = curves(along)
        assert all(plain(line) in found for line in part.along.values())
        assert all(dict(line) in found for lines in part.lines.values() for line in lines)
        assert len(found) == len(part.along) + sum(map(len, part.lines.values()))
        check_levels(barrier, [part.teacher])
        assert bars(barrier) == [barred(line) for line in part.students.values()]


@pytest.mark.parametrize("number", NUMBERS)
def test_landscape(number: int, drawn: Draw) -> None:
    """Each plane is one seed's and one order's, and no two of its values are averaged."""
    rows = tables.planes(random.Random(number))
    parts = plane.contents(results(rows))
    made = [row for row in rows if row["value"] is not None]
    assert sum(len(part.rows) for part in parts) == len(made)
    assert len(parts) == len({(row["seed"], row.get("seeds.order"), row.get("plane.margin")) for row in made})
    panels = [panel for panel in drawn(plane, rows) if panel.get_title()]
    assert len(panels) == 6 * len(parts)
    for part in parts:
        axes = ("seed", "seeds.order", "plane.margin")
        own = [row for row in made if all(row.get(name) == part.cells.get(name) for name in axes)]
        row, panels = panels[:6], panels[6:]
        for panel, (measure, split) in zip(row, plane.TITLES, strict=True):
            values = [r for r in own if (r["measure"], r["split"]) == (measure, split)]
            at = {(r["x"], r["y"] or 0.0): r["value"] for r in values if r["place"] != "corners"}
            corners = [(r["x"], r["y"] or 0.0) for r in values if r["place"] == "corners"]
            assert part.points(measure, split) == at and set(part.corners(measure, split)) == set(corners)
            numbers = [r["value"] for r in values]
            if numbers:
                assert part.best(measure, split) == (min if measure == "kl" else max)(numbers)
            names = [text.get_text() for text in panel.texts]
            assert names == ["T", "S1", "S2"][: len(corners)]
            if part.flat:
                assert curves(panel)[0] == {x: value for (x, _), value in sorted(at.items())}
            elif len(corners) == 3:
                assert [text.xy for text in panel.texts] == [(0, 0), (1, 0), (0, 1)]


@pytest.mark.parametrize(
    ("of", "title"),
    [
        (["embedding"], "KL of embeddings, test (nats)"),
        (["outputs"], "KL from the teacher, test (nats)"),
        (["outputs", "embedding"], "KL from the teacher, test (nats)"),
    ],
)
def test_a_grid_around_the_teacher(
    of: list[str], title: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its axes end where it does: S2 is far outside, S1 a step."""
    base: Row = {
        "probed_on": "fashion_mnist",
        "dataset": "fashion_mnist",
        **tables.NET,
        "draw": "d0",
        "seed": 0,
    }
    base |= {"at": 10.0, "bn": "reestimated"}
    places = [("0", x, y) for x in (-2.0, 0.0, 2.0) for y in (-2.0, 0.0, 2.0)]
    places += [("corners", 0.0, 0.0), ("corners", 4.0, 0.0), ("corners", 0.0, 30.0)]
    rows = [
        tables.number("plane", "student", "kl", 1 + x * x + y * y, place=place, x=x, y=y, **base)
        for place, x, y in places
    ]
    drawn: list[Figure] = []
    monkeypatch.setattr(plane, "save", lambda figure, folder, name: drawn.append(figure))
    plane.draw(Results(tables.frame(rows), {"plane.of": of}, {}), tmp_path)
    (panel,) = (panel for panel in drawn[0].axes if panel.get_title() == title)
    assert [text.get_text() for text in panel.texts] == ["T", "S1"] and panel.get_ylim() == (-2, 2)


def test_ends_of_bars_by_hand(drawn: Draw) -> None:
    """Of two teachers the range, beside a diverged student of a third draw at another alpha."""
    rows = [teacher(0, 40.0), teacher(1, 50.0), student(0, 60.0), student(1, 66.0)]
    rows += [student(0, 70.0, alpha=1e-10), student(1, None, alpha=1e-10, status=SKIPPED)]
    above, below = drawn(init_distance, rows)
    assert bars(above) == [{0.0: (70, 70, 70), 0.3: (63, 60, 66)}]
    assert levels(above) == [45] and spans(above) == [(40, 50)]
    assert [text.get_text() for text in above.texts] == ["n = 1 of 2, 1 diverged"]
    assert next(iter(above.get_xticklabels())).get_text() == "≈ 0"
    assert curves(below)[:2] == [{10: 70}, {10: 63}]


@pytest.mark.parametrize(
    "want",
    [
        {"0": -0.18, "1e-10": -0.09, "1e-8": 0, "1": 1},
        {"0": -0.09, "≈ 0": 0, "1": 1},
        {"0": -0.09, "1e-6": 0, "1": 1},
        {"0": -0.18, "≈ 0": -0.09, "0.01": 0, "1": 1},
    ],
)
def test_zero_and_nearly_zero_are_apart(want: dict[str, float], drawn: Draw) -> None:
    alphas = [1e-10 if name == "≈ 0" else float(name) for name in want]
    rows = [teacher(0, 40.0), *(student(0, 50 + n, alpha=alpha) for n, alpha in enumerate(alphas))]
    above, _ = drawn(init_distance, rows)
    ticks = dict(zip((tick.get_text() for tick in above.get_xticklabels()), above.get_xticks(), strict=True))
    assert {name: ticks[name] for name in want} == want
    assert [x for line in bars(above) for x in line] == list(want.values())
