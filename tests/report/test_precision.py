"""Precisions against float32, from tables made by hand."""

import math
import random
from pathlib import Path

import pytest

from randteach.report import precision
from randteach.report.results import Results
from randteach.report.statistics import equivalence, teachers_needed
from randteach.report.verdicts import CONTRADICTED, SEEN, UNDECIDED
from tests.report.tables import Row, frame, student, teacher

SETTING = "distill.precision"


def results(gaps: dict[tuple[float, str], tuple[float, ...]]) -> Results:
    """Students of three teachers far apart: float32 at 50 and more, the others so many points above it."""
    rows: list[Row] = [teacher(seed, 40.0) for seed in range(3)]
    for (alpha, arm), own in gaps.items():
        for seed, gap in enumerate(own):
            rows.append(student(seed, 50 + 10 * seed + gap, alpha=alpha, **{SETTING: arm}))
    return Results(frame(rows), {}, {})


NONE = (0.0, 0.0, 0.0)
GAPS = {
    (0.3, "fp32"): NONE,
    (0.3, "bf16"): (0.1, -0.1, 0.2),
    (0.30000003, "fp32"): (3.0, 3.2, 3.4),
    (1.0, "fp32"): NONE,
    (1.0, "bf16"): (-2.0, 3.0, 0.0),
}


def test_each_arm_is_compared_with_float32_teacher_by_teacher() -> None:
    found = {(line.alpha, line.arm): line for line in precision.contents(results(GAPS))}
    assert found.keys() == {(0.3, "bf16"), (0.3, "control"), (1.0, "bf16")}
    for place, mean, verdict in (
        ((0.3, "bf16"), 0.2 / 3, SEEN),
        ((0.3, "control"), 3.2, CONTRADICTED),
        ((1.0, "bf16"), 1 / 3, UNDECIDED),
    ):
        line = found[place]
        assert line.difference.mean == pytest.approx(mean) and line.usual.mean == 60
        assert precision.RULE.verdict(line.difference.draws) == verdict


def test_the_table_and_the_figure_say_it(tmp_path: Path) -> None:
    (grid,) = precision.show(results(GAPS))
    verdicts = {(row[2], row[3]): row[7] for row in grid.rows}
    assert verdicts == {("0.3", "bf16"): "equal", ("0.3", "control"): "unequal", ("1", "bf16"): "undecided"}
    assert {row[9] for row in grid.rows} == {"3", "> 16"} and "(n = 3 teachers)" in grid.title
    precision.draw(results(GAPS), tmp_path)
    assert (tmp_path / "figure.png").exists()


def test_a_study_without_such_arms_has_neither(tmp_path: Path) -> None:
    for gaps in ({}, {(0.3, "fp32"): NONE}):
        assert precision.show(results(gaps)) == []
        precision.draw(results(gaps), tmp_path)
    lost = results({(0.3, "fp32"): NONE, (0.3, "bf16"): ()})
    assert precision.show(lost) == [] and not (tmp_path / "figure.png").exists()


@pytest.mark.parametrize(("spread", "low", "high"), [(0.3, 3, 3), (0.8, 6, 9), (1.2, 12, 16)])
def test_teachers_needed_are_those_of_studies_drawn_at_random(spread: float, low: int, high: int) -> None:
    values = (spread / math.sqrt(2), -spread / math.sqrt(2))  # of which `spread` is the standard deviation
    count = teachers_needed(values, 1.0, 16)
    assert count is not None and low <= count <= high
    assert _power(spread, count) > 0.77
    assert count == 3 or _power(spread, count - 2) < 0.8


def test_a_spread_may_take_more_teachers_than_there_are() -> None:
    assert teachers_needed((1.5, -1.5), 1.0, 16) is None and _power(1.5 * math.sqrt(2), 16) < 0.8


def _power(spread: float, count: int) -> float:
    draw = random.Random(count)
    studies = ([draw.gauss(0, spread) for _ in range(count)] for _ in range(2000))
    return sum(equivalence(values, 1.0) < 0.05 for values in studies) / 2000


def test_one_teacher_tells_no_spread() -> None:
    assert teachers_needed((0.1,), 1.0, 16) is None and teachers_needed((0.1, 0.1), 1.0, 16) == 3
