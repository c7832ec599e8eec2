"""The summary against numbers worked out by hand, an input a kind of mistake."""

import io
import math
from typing import Any

import pytest
from rich.console import Console

from randteach.config import overrides
from randteach.jobs.study import expand
from randteach.report import features, init_distance, paper, printed, summary
from randteach.report.results import Results
from randteach.report.statistics import estimates, half_width
from sweeps.init_distance import STUDY
from tests.report.tables import SKIPPED, frame, number, pixels, student, teacher

Row = dict[str, Any]


def results(*rows: Row) -> Results:
    return Results(frame(rows), {}, {})


def only(*rows: Row) -> summary.Row:
    (found,) = summary.summarise(results(*rows))
    return found


def terminal(found: Results) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(*summary.show(found))
    return out.getvalue()


def row_of(found: Results, first: str) -> str:
    (line,) = [line for line in terminal(found).splitlines() if line.split()[:1] == [first]]
    return " ".join(line.split())


def test_gains_are_paired_by_teacher() -> None:
    """Gains 12, 8 and 2: mean 22/3, s = sqrt(228)/3, and t(0.975, 2) = 4.302653."""
    pairs = ((30.0, 42.0), (40.0, 48.0), (20.0, 22.0))
    rows = [row for n, (t, s) in enumerate(pairs) for row in (teacher(n, t), student(n, s))]
    found = only(*rows, pixels(39.0))
    assert (found.gain.n, found.pixels.mean, found.pixels.bar) == (3, 39, "")
    assert (found.teacher.mean, found.student.mean) == (30, pytest.approx(112 / 3))
    assert found.gain.mean == pytest.approx(22 / 3) and sorted(found.gain.draws) == [2, 8, 12]
    half = 4.302653 * math.sqrt(228) / 3 / math.sqrt(3)
    assert found.gain.high - found.gain.mean == pytest.approx(half, rel=1e-6)
    assert half_width([12, 8, 2]) == pytest.approx(half, rel=1e-6)


def test_two_teachers_show_their_range_and_one_has_none() -> None:
    rows = [teacher(0, 30.0), student(0, 42.0), teacher(1, 40.0), student(1, 48.0)]
    assert "+10.0 8.0 … 12.0" in row_of(results(*rows), "linear")
    alone = only(*rows[:2])
    assert (alone.gain.n, alone.gain.bar) == (1, "") and math.isnan(alone.gain.low)


def test_the_unit_is_the_teacher_and_its_repeats_are_averaged_first() -> None:
    """Three teachers times two orders: gains 1, 3 | 5, 5 | 7, 9 are 2, 5 and 8."""
    gains = {(0, 0): 1, (0, 1): 3, (1, 0): 5, (1, 1): 5, (2, 0): 7, (2, 1): 9}
    rows = [teacher(draw, 50.0) for draw in range(3)]
    for (draw, order), gain in gains.items():
        rows.append(student(0, 50.0 + gain, draw=f"d{draw}", **{"seeds.teacher": draw, "seeds.order": order}))
    found = only(*rows)
    assert (found.gain.n, found.gain.runs, sorted(found.gain.draws)) == (3, 6, [2, 5, 8])
    assert found.gain.high - 5 == pytest.approx(4.302653 * 3 / math.sqrt(3), rel=1e-6)
    assert "n = 3 teachers x 2 orders" in terminal(results(*rows))
    (title, _), *_ = init_distance.contents(results(*rows))
    assert "(n = 3 teachers x 2 orders; bars: 95 % interval of the mean)" in title


def test_repeats_of_one_teacher_are_no_interval_but_a_range_that_is_named() -> None:
    rows = [teacher(0, 50.0)]
    rows += [student(0, value, **{"seeds.order": n}) for n, value in enumerate((52.0, 54.0, 59.0))]
    found = only(*rows)
    assert (found.gain.n, found.gain.mean, found.gain.low, found.gain.high) == (1, 5, 2, 9)
    assert found.gain.bar == "lowest to highest repeat of one teacher"
    text = terminal(results(*rows))
    assert "2.0 … 9.0 (repeats)" in text and "n = 1 teacher x 3 orders" in text and "±" not in text
    assert "of one teacher lowest … highest of its repeats" in text


@pytest.mark.parametrize("setting", ["probe.train_size", "probe.epochs", "data.size", "data.channels"])
def test_teachers_and_pixels_are_those_of_the_swept_value(setting: str) -> None:
    """At 100 the student loses a point to its teacher, and averaged over both it would seem to gain nine."""
    values = ((100, (50.0, 49.0, 20.0)), (1000, (30.0, 40.0, 60.0)))
    rows = []
    for value, (above, below, raw) in values:
        at = {setting: value}
        rows += [teacher(0, above, **at), student(0, below, **at), pixels(raw, **at)]
    found = summary.summarise(results(*rows))
    assert [row.cells[setting] for row in found] == [100, 1000]
    assert [(row.teacher.mean, row.gain.mean, row.pixels.mean) for row in found] == [
        (50, -1, 20),
        (30, 10, 60),
    ]
    drawn = [panels for _, panels in init_distance.contents(results(*rows))]
    assert [(p.teacher.mean, p.pixels.mean, p.last[0.3].mean) for (p,) in drawn] == [
        (50, 20, 49),
        (30, 60, 40),
    ]


def test_what_does_not_apply_to_a_teacher_fits_all_and_loses_none() -> None:
    """Identity teachers know nothing of the training samples, calibrated ones do."""
    rows = []
    gains = {("identity", 500): 1, ("calibrated", 500): 3, ("identity", 2000): 2, ("calibrated", 2000): 4}
    for (norm, size), gain in gains.items():
        at = {"distill.teacher_norm": norm, "teacher": norm + (str(size) if norm == "calibrated" else "")}
        rows.append(student(0, 50.0 + gain, **at, **{"data.train_size": size}))
        if norm == "calibrated":
            rows.append(teacher(0, 50.0, dataset="fashion_mnist", **at, **{"data.train_size": size}))
    rows.append(teacher(0, 50.0, teacher="identity", **{"distill.teacher_norm": "identity"}))
    found = summary.summarise(results(*rows))
    axes = ("distill.teacher_norm", "data.train_size")
    assert {tuple(row.cells[name] for name in axes): row.gain.mean for row in found} == gains


def test_a_student_is_compared_with_the_teacher_that_it_names() -> None:
    """Two teachers of one draw that differ in nothing that has a column."""
    rows = [teacher(0, 30.0, teacher="one"), teacher(0, 50.0, teacher="other")]
    rows += [student(0, 55.0, teacher="other"), student(0, 38.0, teacher="one", **{"seeds.order": 1})]
    found = only(*rows)
    assert (found.gain.mean, found.gain.low, found.gain.high) == (6.5, 5, 8)


def diverging() -> list[Row]:
    rows = [teacher(0, 50.0), teacher(1, 40.0), student(0, 30.0, epoch=0), student(0, 60.0)]
    rows += [student(1, 20.0, epoch=0), student(1, None, status=SKIPPED)]
    return rows


def test_a_diverged_student_is_told_beside_n_and_never_by_an_earlier_epoch() -> None:
    found = only(*diverging())
    assert found.student.count == "1 of 2, 1 diverged"
    assert (found.student.mean, found.gain.mean, found.best["test"].mean) == (60, 10, 60)
    assert "1 of 2, 1 diverged" in terminal(results(*diverging()))
    both = [row for row in diverging() if row.get("draw") == "d1"]
    alone = only(*both)
    assert (alone.student.count, alone.teacher.mean) == ("0 of 1, 1 diverged", 40)
    assert math.isnan(alone.student.mean) and math.isnan(alone.best["test"].mean)
    line = row_of(results(*both), "linear")
    assert line == "linear 0 of 1, 1 diverged - 40.0 - - -"


def test_a_stopped_study_shows_no_earlier_epoch_as_the_last() -> None:
    rows = [teacher(0, 50.0), student(0, 55.0, epoch=5), student(0, None, status="missing")]
    found = only(*rows)
    assert found.student.count == "0 of 1, 1 unfinished" and math.isnan(found.gain.mean)
    failed = only(teacher(0, 50.0), student(0, None, status="failed"))
    assert failed.student.count == "0 of 1, 1 failed"


def test_an_unmoved_student_is_named_and_counts() -> None:
    still = number("distill", "student", "loss", 1.0, status="unmoved", step=100)
    place = {
        n: v
        for n, v in student(0, 1.0).items()
        if n in ("teacher", "draw", "dataset", "arch", "width", "alpha", "seed")
    }
    found = only(teacher(0, 50.0), student(0, 50.0), {**still, **place}, student(1, 55.0), teacher(1, 50.0))
    assert (found.student.count, found.student.mean) == ("2, 1 unmoved", 52.5)


def test_best_epochs_leave_out_the_untrained_network_and_ties_go_to_the_earlier() -> None:
    """By validation epochs 2 and 5 tie; on test epoch 10 is best of the trained ones, 0 of all."""
    rows = [teacher(0, 50.0)]
    for epoch, test, val in ((0, 90.0, 95.0), (2, 51.0, 70.0), (5, 53.0, 70.0), (10, 56.0, 60.0)):
        rows += [student(0, test, epoch), student(0, val, epoch, split="val")]
    found = only(*rows)
    assert (found.student.mean, found.best["test"].mean, found.best["val"].mean) == (56, 56, 51)
    untrained = only(teacher(0, 50.0), student(0, 90.0, 0))
    assert untrained.student.mean == 90 and math.isnan(untrained.best["test"].mean)


def test_the_logistic_measure_stands_behind_the_others() -> None:
    rows = []
    kinds = {"logistic": "measure", "knn": "probe", "linear": "probe", "linear_std": "probe"}
    for measure, kind in kinds.items():
        found = student(0, 60.0, measure=measure), teacher(0, 50.0, measure=measure)
        rows += [{**row, "kind": kind} for row in found]
    shown = summary.summarise(results(*rows))
    assert [row.cells["measure"] for row in shown] == ["linear", "linear_std", "knn", "logistic"]
    ((_, panels),) = init_distance.contents(results(*rows))
    assert [panel.measure for panel in panels] == ["linear", "linear_std", "knn", "logistic"]


def test_alphas_near_zero_are_rows_of_their_own() -> None:
    rows = [teacher(0, 50.0), student(0, 51.0, alpha=0.0), student(0, 53.0, alpha=1e-10)]
    text = terminal(results(*rows))
    assert [line.split()[1:2] for line in text.splitlines() if line.split()[:1] == ["linear"]] == [
        ["0"],
        ["1e-10"],
    ]


PAPER = {"probed_on": "cifar10", "dataset": "cifar10", "width": 64, "alpha": 1e-10}


def settings(*pairs: str) -> Any:
    chosen = ("net.arch=resnet18", "seed=0", "alpha=1e-10", *pairs)
    return expand(STUDY, overrides.parse(STUDY.presets["paper"], chosen)).settings


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ((), ""),
        (("distill.steps=19600",), ""),  # a hundred epochs
        (("train.epochs=3", "probe.at=[0,50]", "resources.probe.cpus=2", "loader=memory"), ""),
        (("head.out_dim=1024",), "head.out_dim=1024 (65536)"),
        (("distill.epochs=10", "probe.at=[0]"), "distill.epochs=10 (100)"),
        (("distill.batch_size=128",), "distill.batch_size=128 (256)"),
        (("data.size=16",), "data.size=16 (32)"),
        (("data.train_size=5000",), "data.train_size=5000 (50000)"),
        (("probe.test_size=5000",), "probe.test_size=5000 (10000)"),
        (("probe.lr=0.1",), "probe.lr=0.1 (0.001)"),
        (("probe.val_fraction=0.1",), "probe.val_fraction=0.1 (0)"),
        (("data.augment=flip_crop",), "data.augment=flip_crop (none)"),
        (("head.hidden_dims=[2048]",), "head.hidden_dims=[2048] ([2048, 2048])"),
        (("variance_preserving=false",), "variance_preserving=False (True)"),
        (("distill.loss=ce_exact",), "(in brackets): distill.loss=ce_exact (ce)."),
        (("distill.teacher_norm=calibrated",), "(in brackets): distill.teacher_norm=calibrated (identity)."),
    ],
)
def test_the_papers_numbers_stand_beside_its_setting_alone(pairs: tuple[str, ...], told: str) -> None:
    rows = [student(0, 42.0, **PAPER), teacher(0, 30.0, probed_on="cifar10", width=64)]
    found = Results(frame(rows), settings(*pairs), STUDY.presets["paper"])
    text, ((_, (panel,)),) = " ".join(terminal(found).split()), init_distance.contents(found)
    assert ("35.5" in text and "46.0" in text) == (not told) == bool(panel.stars)
    assert told in text and ("The paper's numbers are for another setting" in text) == bool(told)


def test_of_swept_settings_the_papers_value_has_its_numbers() -> None:
    rows = [student(0, 42.0, **PAPER, **{"head.out_dim": value}) for value in (1024, 65536)]
    found = Results(frame(rows), settings("head.out_dim=1024,65536"), STUDY.presets["paper"])
    shown = [paper.beside(found, row.cells) for row in summary.summarise(found)]
    assert shown == [None, printed.Numbers(35.50, 46.02, 39.02)]
    assert "(in brackets): head.out_dim=1024 (65536)." in " ".join(terminal(found).split())


@pytest.mark.parametrize(
    ("dataset", "theirs"),
    [("stl10", printed.Numbers(24.24, 40.58, 31.51)), ("tiny_imagenet", printed.Numbers(4.85, 10.40, 3.28))],
)
def test_the_papers_numbers_are_those_of_images_of_32_pixels(dataset: str, theirs: printed.Numbers) -> None:
    rows = [student(0, 42.0, **(PAPER | {"dataset": dataset, "probed_on": dataset}))]
    for size, numbers in ((32, theirs), (64, None)):
        planned = settings(f"data.name={dataset}", f"data.size={size}")
        found = Results(frame(rows), planned, STUDY.presets["paper"])
        assert [paper.beside(found, row.cells) for row in summary.summarise(found)] == [numbers]
    assert "data.size=64 (32)" in " ".join(terminal(found).split())


def test_the_papers_tables_are_whole() -> None:
    """The sums of their columns, as printed in the paper; teachers of Tables 2 and 4 are those of 1 and 3."""
    sums = {
        (id(printed.OWN), "linear"): (154.69, 256.18, 175.76),
        (id(printed.OWN), "knn"): (193.64, 237.07, 161.72),
        (id(printed.TRANSFERRED), "linear"): (144.59, 235.88, 169.20),
        (id(printed.TRANSFERRED), "knn"): (183.07, 220.48, 154.84),
        (id(printed.ARCHITECTURES), "linear"): (415.60, 535.57, 507.26),
    }
    assert {len(known) for known in (printed.OWN, printed.TRANSFERRED)} == {16, 12}
    for table in (printed.OWN, printed.TRANSFERRED, printed.ARCHITECTURES):
        for measure in ("linear", "knn"):
            found = [known for (*_, own), known in table.items() if own == measure]
            totals = [
                sum(getattr(known, name) for known in found) for name in ("teacher", "student", "input")
            ]
            assert totals == pytest.approx(sums.get((id(table), measure), (0, 0, 0)))
    both = printed.OWN.keys() & printed.ARCHITECTURES.keys()
    assert {printed.OWN[key] == printed.ARCHITECTURES[key] for key in both} == {True} and len(both) == 2


def test_other_data_have_no_numbers_of_the_paper_and_no_word_on_them() -> None:
    rows = [student(0, 42.0), student(0, 44.0, **(PAPER | {"alpha": 0.3}))]
    found = Results(frame(rows), settings("head.out_dim=1024"), STUDY.presets["paper"])
    assert "paper" not in terminal(found)


def test_rows_of_one_draw_in_two_settings_do_not_meet() -> None:
    rows = [
        student(0, 60.0, width=8),
        student(0, 80.0, width=16),
        teacher(0, 50.0),
        teacher(0, 10.0, width=16),
    ]
    found = estimates(features.students(results(*rows).rows), ["width"])
    assert {cells: point.mean for cells, point in found.items()} == {(8,): 60, (16,): 80}
    assert [row.gain.mean for row in summary.summarise(results(*rows))] == [10, 70]
