"""Accuracy along an axis, from tables made by hand."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from randteach import report
from randteach.report import curves
from randteach.report.results import Results
from tests.report.tables import Row, frame, pixels, student, teacher

OUT = "head.out_dim"


def head(seed: int, value: float, out_dim: int, parts: str = "-/lb/fn/-/l/-", epoch: int = 10) -> Row:
    return student(seed, value, epoch, **{OUT: out_dim, "head.bottleneck": parts})


def results() -> Results:
    """Two lines along the number of outputs, of which one has a single point."""
    rows = [head(seed, 50 + 4 * power + 2 * seed, 2**power) for power in (1, 4, 10) for seed in (0, 1)]
    rows += [head(seed, 40, 2**10, "-/-/-/-/l/-") for seed in (0, 1)]
    rows += [head(seed, 30 + seed, 2**10, epoch=0) for seed in (0, 1)]
    rows += [teacher(0, 40), teacher(1, 44), pixels(80)]
    return Results(frame(rows), {OUT: [2, 16, 1024], "head.bottleneck": ["-/lb/fn/-/l/-", "-/-/-/-/l/-"]}, {})


def test_students_at_their_last_epoch_along_a_setting() -> None:
    (lines,) = curves.contents(results(), OUT).values()
    (line,) = lines.values()  # an arm with one point is no line
    assert {at: point.mean for at, point in line.points.items()} == {2: 55, 16: 67, 1024: 91}
    assert (line.teacher.mean, line.pixels.mean) == (42, 80)


def test_students_along_training() -> None:
    (lines,) = curves.contents(results(), "epoch").values()
    (line,) = lines.values()
    assert {at: point.mean for at, point in line.points.items()} == {0: 30.5, 10: 91}


def test_arms_of_one_point_each_are_all_shown() -> None:
    rows = [head(0, value, 4, parts) for value, parts in ((50, "-/lb/fn/-/l/-"), (60, "-/-/-/-/l/-"))]
    settings = {"head.bottleneck": ["-/-/-/-/l/-", "-/lb/fn/-/l/-"]}
    (lines,) = curves.contents(Results(frame(rows), settings, {}), OUT).values()
    assert {name: line.points[4].mean for name, line in lines.items()} == {
        "-/-/-/-/l/-": 60,
        "-/lb/fn/-/l/-": 50,
    }
    assert list(lines) == settings["head.bottleneck"]


@pytest.mark.parametrize(("setting", "scale"), [(OUT, "log"), ("epoch", "linear")])
def test_the_axis(setting: str, scale: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found: list[Figure] = []
    monkeypatch.setattr(curves, "save", lambda figure, folder, name: found.append(figure))
    report.along(setting).draw(results(), tmp_path, "figure")
    (panel,) = found[0].axes
    assert panel.get_xscale() == scale
    if setting == OUT:
        assert [tick.get_text() for tick in panel.get_xticklabels()] == ["2", "16", "1,024"]


def test_nothing_is_drawn_of_an_axis_that_no_row_has(tmp_path: Path) -> None:
    report.along("../../x").draw(results(), tmp_path, "figure")
    assert list(tmp_path.iterdir()) == []


def test_reports_are_found_by_their_names() -> None:
    assert report.named("arms") is report.ARMS and report.named("mylab") is None
    found = report.named("along_head.out_dim")
    assert found and found.name == report.along(OUT).name
