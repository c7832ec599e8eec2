"""Reports of restarts, tickets, lines and planes against numbers worked out by hand."""

import io
from typing import Any

import pytest
from rich.console import Console

from randteach.report import connect, plane, restart, tickets
from randteach.report.results import Results
from randteach.report.statistics import Estimate
from tests.report.tables import NET, SKIPPED, frame, number, pixels, student, teacher

Row = dict[str, Any]
NAMED: Row = {"probed_on": "fashion_mnist", **NET}


def results(*rows: Row) -> Results:
    return Results(frame(rows), {}, {})


def lines_of(report: Any, *rows: Row) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=220).print(*report.show(results(*rows)))
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def restarts() -> list[Row]:
    """Teachers 50 and 40; rounds 55, 57 and 48, 54: the second adds 2 and 6."""
    rows = [pixels(70.0)]
    for seed, (above, *values) in enumerate(((50.0, 55.0, 57.0), (40.0, 48.0, 54.0))):
        rows.append(teacher(seed, above))
        for at, value in enumerate(values, 1):
            before = {} if at == 1 else {"teacher": f"student {seed}"}
            rows.append(student(seed, value, round=at, **before))
    return rows


def test_rounds_of_restarts() -> None:
    ((title, (panel,)),) = restart.contents(results(*restarts()))
    assert "(n = 2 teachers; bars: lowest to highest teacher)" in title
    assert [(at, p.mean, p.low, p.high) for at, p in panel.lines[0.3].items()] == [
        (0, 45, 40, 50),
        (1, 51.5, 48, 55),
        (2, 55.5, 54, 57),
    ]
    assert panel.pixels.mean == 70
    assert "linear 45.0 51.5 55.5 +4.0 +2.0 … +6.0" in lines_of(restart, *restarts())


def test_a_diverged_round_is_told_and_adds_nothing() -> None:
    rows = restarts()
    rows[-1] |= {"value": None, "status": SKIPPED}
    assert "linear 45.0 51.5 57.0 (1 of 2, 1 diverged) +2.0" in lines_of(restart, *rows)


def test_round_zero_is_the_teacher_of_the_swept_value() -> None:
    rows = [teacher(0, 10.0, **{"probe.train_size": 100}), teacher(0, 30.0, **{"probe.train_size": 1000})]
    rows += [student(0, 50.0, round=1, **{"probe.train_size": size}) for size in (100, 1000)]
    found = [panels[0].lines[0.3] for _, panels in restart.contents(results(*rows))]
    assert [line[0].mean for line in found] == [10, 30]


def ticket(role: str, seed: int, at: int, accuracy: float | None, **more: Any) -> Row:
    value = None if accuracy is None else 100 - accuracy
    place = {
        "draw": f"d{seed}",
        "teacher": f"d{seed}",
        "seed": seed,
        "round": at,
        "kept": 0.5**at,
        "step": 80,
    }
    start: Row = {"alpha": 1e-10, "at": 10.0, "dataset": "fashion_mnist"} if role == "student" else {}
    return number("train", role, "error", value, **{**NAMED, **place, **start, **more})


def test_tickets_and_their_gains_over_the_least_rewound_teacher() -> None:
    rows = []
    for seed, (own, theirs) in enumerate((((80.0, 70.0), (60.0, 61.0)), ((84.0, 72.0), (70.0, 75.0)))):
        rows += [ticket("student", seed, at, value) for at, value in enumerate(own)]
        rows.append(ticket("teacher", seed, 0, theirs[0]))
        rows += [ticket("teacher", seed, 1, theirs[1] + epoch, rewind=epoch) for epoch in (0.0, 2.0)]
    (panel,) = tickets.contents(results(*rows))
    by_name = {line.name: line for line in panel.lines}
    means = {name: [point.mean for point in line.points.values()] for name, line in by_name.items()}
    assert means == {"student": [82, 71], "teacher, epoch 0": [65, 68], "teacher, epoch 2": [65, 70]}
    gains = by_name["student"].gains
    assert [(p.mean, p.low, p.high) for p in gains.values()] == [(17, 14, 20), (3, -3, 9)]
    text = lines_of(tickets, *rows)
    assert "100 82.0 65.0 65.0 +17.0 +14.0 … +20.0" in text and "50 71.0 68.0 70.0 +3.0 -3.0 … +9.0" in text


def test_what_a_diverged_training_guesses_is_no_accuracy() -> None:
    rows = [ticket("student", 0, 0, 80.0), ticket("student", 0, 1, 10.0, status="diverged")]
    (panel,) = tickets.contents(results(*rows))
    (line,) = panel.lines
    assert [point.count for point in line.points.values()] == ["1", "0 of 1, 1 diverged"]
    assert "50 - (0 of 1, 1 diverged)" in lines_of(tickets, *rows)


def test_a_first_training_that_is_a_child_too_begins_its_line() -> None:
    rows = [ticket("student", 0, 0, 80.0, pair="0"), ticket("student", 0, 1, 60.0)]
    rows += [ticket("teacher", 0, 0, 70.0), ticket("teacher", 0, 1, 55.0, rewind=0.0)]
    (panel,) = tickets.contents(results(*rows))
    student = next(line for line in panel.lines if line.role == "student")
    assert [(kept, point.mean) for kept, point in student.points.items()] == [(1, 80), (0.5, 60)]
    assert [(kept, point.mean) for kept, point in student.gains.items()] == [(1, 10), (0.5, 5)]


def test_layers_pruned_to_nothing_are_named_by_what_tells_them_apart() -> None:
    mask = {**NAMED, "seed": 0, "round": 3, "split": None}
    rows = [number("mask", "student", "empty_layers", 2.0, alpha=alpha, **mask) for alpha in (0.0, 1e-10)]
    assert {"student 0 0 3 2", "student 0 1e-10 3 2"} <= set(lines_of(tickets, *rows))
    rows = [number("mask", "student", "empty_layers", 2.0, **mask, **{"seeds.train": at}) for at in (5, 6)]
    assert {"student 0 5 3 2", "student 0 6 3 2"} <= set(lines_of(tickets, *rows))


def line(role: str, seed: int, pair: str, height: float | None, **more: Any) -> list[Row]:
    start: Row = {"alpha": 1e-10, "at": 10.0, "dataset": "fashion_mnist"} if role == "student" else {}
    about = {
        **NAMED,
        "draw": f"d{seed}",
        "teacher": f"d{seed}",
        "seed": seed,
        "pair": pair,
        "bn": "none",
        **start,
    }
    rows = [number("connect", role, "barrier_error", height, **{**about, **more})]
    if height is not None:
        ends = ((0.0, 10.0), (0.5, 12.0 + height), (1.0, 14.0))
        rows += [number("connect", role, "error", value, gamma=g, **about) for g, value in ends]
    return rows


def test_barriers_are_means_over_teachers_of_means_over_lines() -> None:
    """Of teacher 0 lines of 1, 2 and 6, of teacher 1 one of 9: 3 and 9, not 4.5."""
    heights = (("0-1", 1.0), ("0-2", 2.0), ("1-2", 6.0))
    rows = [row for pair, height in heights for row in line("student", 0, pair, height)]
    rows += line("student", 1, "0-1", 9.0) + line("student", 1, "0-2", None)
    (panel,) = connect.contents(results(*rows))
    point = panel.students[1e-10][10.0]
    assert (point.mean, point.low, point.high, point.made) == (6, 3, 9, 4)
    assert panel.along["student", 1e-10, 10.0][0.5].mean == 18
    (shown,) = [text for text in lines_of(connect, *rows) if text.startswith("student after 10 epochs")]
    assert shown.startswith("student after 10 epochs none 2, 1 of 5 unfinished 4 12.0 6.0 3.0 … 9.0")


def test_settings_of_lines_do_not_share_a_row() -> None:
    rows = line("student", 0, "0-1", 1.0, **{"connect.test_size": 50})
    rows += line("student", 0, "0-1", 5.0, **{"connect.test_size": 5000})
    assert [panel.students[1e-10][10.0].mean for panel in connect.contents(results(*rows))] == [1, 5]
    shown = [text for text in lines_of(connect, *rows) if text.startswith("student after")]
    assert [text.split()[4] for text in shown] == ["50", "5000"]


def test_the_best_point_of_a_plane_is_said_to_be_a_maximum_over_test_points() -> None:
    base = {**NAMED, "dataset": "fashion_mnist", "draw": "d0", "seed": 0, "at": 10.0, "bn": "reestimated"}
    rows = []
    for place, points in (("corners", ((0, 0, 50.0), (1, 0, 60.0))), ("0", ((0, 0, 50.0), (0.5, 0, 66.0)))):
        for x, _, value in points:
            rows.append(number("plane", "student", "linear", value, place=place, x=x, **base))
            rows.append(number("plane", "student", "kl", value / 100, place=place, x=x, **base))
    text = lines_of(plane, *rows)
    assert any(row.startswith("T - 0.5 50.0") for row in text)
    assert any(row.startswith("best - 0.5 66.0") for row in text)
    assert "a maximum over test points" in " ".join(text)


@pytest.mark.parametrize("report", [restart, tickets, connect, plane])
def test_a_study_without_a_number_has_no_figure_and_no_wrong_one(report: Any) -> None:
    rows = [student(0, None, round=1), ticket("student", 0, 1, None), *line("student", 0, "0-1", None)]
    assert list(report.contents(results(*rows))) == [] and list(report.contents(results())) == []
    assert report.show(results()) == []


def test_n_is_told_with_what_is_lost() -> None:
    assert Estimate(draws=(1.0, 2.0), planned=2, runs=2).count == "2"
    assert Estimate(draws=(1.0,), planned=2, runs=2, notes={"diverged": 1}).count == "1 of 2, 1 diverged"
    found = Estimate(draws=(1.0, 2.0), planned=2, runs=6, notes={"diverged": 1, "unmoved": 2})
    assert found.count == "2, 1 of 6 diverged, 2 of 6 unmoved"
