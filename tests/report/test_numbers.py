"""Every number that a summary or figure is given, against loops over the rows of random tables."""

import math
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from randteach.report import connect, init_distance, restart, summary, tickets
from randteach.report.results import Results
from randteach.report.statistics import Estimate, estimates
from tests.report import brute, tables
from tests.report.brute import FIXED, Features

SEEDS = st.integers(0, 2**32 - 1)


def same(found: Estimate, want: Mapping[str, Any]) -> None:
    """Whether an estimate has the numbers that loops came to."""
    for name in ("n", "planned", "runs", "made", "bar", "notes"):
        assert getattr(found, name) == want[name], (name, found, want)
    for name in ("mean", "low", "high"):
        assert getattr(found, name) == pytest.approx(want[name], rel=1e-6, abs=1e-6, nan_ok=True), name


NOTHING: dict[str, Any] = {"n": 0, "planned": 0, "runs": 0, "made": 0, "bar": "", "notes": {}}
NOTHING |= {"mean": math.nan, "low": math.nan, "high": math.nan}


def check_summary(rows: list[dict[str, Any]]) -> None:
    loops = Features(rows)
    by = ["measure", *FIXED, *loops.settings]
    found = summary.summarise(Results(tables.frame(rows), {}, {}))
    want = loops.summary(by)
    assert {tuple(row.cells.values()) for row in found} == set(want) and len(found) == len(want)
    gains, above = loops.gains(by), loops.belonging(loops.teachers, by)
    below = loops.belonging(loops.pixels, by)
    best = {split: loops.best(split, by) for split in {r["split"] for r in loops.students}}
    for row in found:
        cells = tuple(row.cells.values())
        same(row.student, want[cells])
        same(row.gain, gains[cells])
        same(row.teacher, above.get(cells, NOTHING))
        same(row.pixels, below.get(cells, NOTHING))
        assert set(row.best) == set(best)
        for split, point in row.best.items():
            same(point, best[split][cells])


def check_figure(rows: list[dict[str, Any]]) -> None:
    loops = Features(rows)
    axes = [*(name for name in FIXED if name != "alpha"), *loops.settings]
    tested = [row for row in loops.students if row["split"] == "test"]
    drawn = set()
    for _, panels in init_distance.contents(results(rows)):
        for panel in panels:
            drawn.add((panel.values, panel.measure))
            inside = [row for row in tested if row["measure"] == panel.measure]
            inside = [row for row in inside if brute.inside(row, axes, panel.values)]
            ends = [row for row in inside if any(row is end for end in loops.ends)]
            all_same({(alpha,): point for alpha, point in panel.last.items()}, loops.summary(["alpha"], ends))
            along = {(alpha, at): p for alpha, line in panel.along.items() for at, p in line.items()}
            want = brute.grouped(
                inside, ["alpha", "epoch"], lambda row: brute.cell(row, "value"), lambda _: False
            )
            all_same(along, want)
            for point, owners in ((panel.teacher, loops.teachers), (panel.pixels, loops.pixels)):
                (want,) = loops.belonging(owners, ["measure"], ends).values() or (NOTHING,)
                same(point, want)
    for values in brute.panels_of(loops.ends):
        inside = [row for row in tested if brute.inside(row, axes, values)]
        if any(brute.has(row, "value") for row in inside):
            drawn -= {(values, row["measure"]) for row in inside}
    assert not drawn


@settings(max_examples=200, deadline=None, database=None)
@given(SEEDS)
@seed(0)
def test_summary_and_figure_are_what_loops_come_to(number: int) -> None:
    rows = tables.features(random.Random(number))
    check_summary(rows)
    check_figure(rows)


def results(rows: list[dict[str, Any]]) -> Results:
    return Results(tables.frame(rows), {}, {})


@settings(max_examples=25, deadline=None, database=None)
@given(SEEDS)
@seed(0)
def test_rounds_of_restarts_are_what_loops_come_to(number: int) -> None:
    rows = tables.features(random.Random(number), rounds=2)
    loops, table = Features(rows), results(rows)
    by = ["measure", *FIXED, *loops.settings]
    zero = loops.belonging(loops.teachers, by, [row for row in loops.ends if row["round"] == 1])
    want = loops.summary([*by, "round"]) | {(*cells, 0): own for cells, own in zero.items()}
    all_same(estimates(restart.rounds(table.rows), [*by, "round"]), want)
    all_same(estimates(restart.added(table.rows), by), loops.added(by))


@settings(max_examples=25, deadline=None, database=None)
@given(SEEDS)
@seed(0)
def test_tickets_are_what_loops_come_to(number: int) -> None:
    rows = tables.tickets(random.Random(number))
    want = brute.tickets(rows)
    found: dict[Any, Estimate] = {}
    for panel in tickets.contents(results(rows)):
        for line in panel.lines:
            found |= {(panel.values, line.start, kept): point for kept, point in line.points.items()}
            assert set(line.gains) in (set(), set(line.points))
            for kept in line.points:
                gain = want[panel.values, line.start, kept]["gain"]
                same(line.gains.get(kept, Estimate()), gain or NOTHING)
    all_same(found, {place: own["accuracy"] for place, own in want.items()})


@settings(max_examples=25, deadline=None, database=None)
@given(SEEDS)
@seed(0)
def test_lines_are_what_loops_come_to(number: int) -> None:
    rows = tables.lines(random.Random(number))
    start = ["bn", "role", "alpha", "at"]
    along, heights = brute.lines(rows, "error", [*start, "gamma"]), brute.lines(rows, "barrier_error", start)
    for panel in connect.contents(results(rows)):
        *values, bn = panel.cells
        want = {cells: own for cells, own in along[tuple(values)].items() if cells[0] == bn}
        curves = {(bn, *at, gamma): p for at, line in panel.along.items() for gamma, p in line.items()}
        all_same(curves, {cells: own for cells, own in want.items() if cells[-1] is not None})
        found = {(bn, "teacher", None, None): panel.teacher}
        for alpha, line in panel.students.items():
            found |= {(bn, "student", alpha, at): point for at, point in line.items()}
        all_same(found, {cells: own for cells, own in heights[tuple(values)].items() if cells[0] == bn})


def all_same(found: Mapping[Any, Estimate], want: Mapping[Any, Mapping[str, Any]]) -> None:
    assert set(found) == set(want)
    for name, point in found.items():
        same(point, want[name])
