"""Arms of students beside their teachers, from tables made by hand."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from randteach.report import arms
from randteach.report.results import Results
from tests.report.tables import Row, frame, pixels, student, teacher


def two_by_two() -> list[Row]:
    """Two sources and two targets: a student at 60 and 64 where they are the same, at 50 and 52 elsewhere."""
    rows: list[Row] = []
    for target in ("fashion_mnist", "mnist5k"):
        rows += [teacher(seed, 40 + seed, probed_on=target) for seed in (0, 1)]
        rows.append(pixels(80, probed_on=target))
        for source in ("mnist5k", "fashion_mnist"):
            for seed in (0, 1):
                value = 60 + 4 * seed if source == target else 50 + 2 * seed
                rows.append(student(seed, value, probed_on=target, dataset=source))
    return rows


def results(rows: list[Row]) -> Results:
    names = ["mnist5k", "fashion_mnist"]
    return Results(frame(rows), {"data.name": names, "probe.data": names}, {})


def test_an_arm_for_each_pair_in_the_order_of_the_settings() -> None:
    found = arms.contents(results(two_by_two()))
    own, other = "5,000 of MNIST", "Fashion-MNIST"
    assert sorted(arm.name for arm in found) == sorted(
        f"{source} → {target}" for source in (own, other) for target in (own, other)
    )
    assert found[0].name == f"{own} → {own}" and found[-1].name == f"{other} → {other}"
    for arm in found:
        row = arm.rows["linear"]
        source, target = arm.name.split(" → ")
        assert (row.teacher.mean, row.pixels.mean) == (40.5, 80)
        assert row.student.mean == (62 if source == target else 51)
        assert row.gain.mean == row.student.mean - 40.5


def test_axes_that_follow_from_others_name_no_arm() -> None:
    rows = [
        student(seed, 50, arch=arch, width=width, **{"data.size": size})
        for seed in (0, 1)
        for arch, width, size in (("resnet18", 8, 16), ("vgg11", 4, 32))
    ]
    assert [arm.name for arm in arms.contents(results(rows))] == ["resnet18", "vgg11"]


def test_what_is_lost_is_told_beside_the_arm() -> None:
    rows = [student(0, 50), student(1, None), student(0, 40, alpha=1.0), student(1, 42, alpha=1.0)]
    names = [arm.name + arm.notes for arm in arms.contents(results(rows))]
    assert names == ["alpha 0.3 (1 of 2, 1 unfinished)", "alpha 1"]


def test_the_figure_has_a_line_an_arm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found: list[Figure] = []
    monkeypatch.setattr(arms, "save", lambda figure, folder, name: found.append(figure))
    arms.draw(results(two_by_two()), tmp_path)
    (panel,) = found[0].axes
    assert panel.get_yticklabels()[0].get_text() == "5,000 of MNIST → 5,000 of MNIST"
    bars = [container.lines[0].get_xdata()[0] for container in panel.containers]  # type: ignore[union-attr]
    assert sorted(bars) == [40.5] * 4 + [51] * 2 + [62] * 2
    arms.draw(results([student(0, None)]), tmp_path)
    assert len(found) == 1
