"""Distillation along training and at its end, from tables made by hand."""

import io
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from randteach.report import optimisation
from randteach.report.optimisation import KL, MOVED, contents
from randteach.report.results import Results
from tests.report.tables import NET, SKIPPED, Row, frame, number, student, teacher

HEAD, AWAY = "distance_start_head", "distance_teacher_encoder"


def trained(seed: int, alpha: float, epoch: int, measure: str, value: float | None, **more: object) -> Row:
    """A student's number at an epoch: no probed set is its own."""
    place: Row = {"dataset": "fashion_mnist", **NET, "alpha": alpha, "seed": seed, "draw": f"d{seed}"}
    place |= {"teacher": f"dd{seed}", "epoch": float(epoch), "step": 10 * epoch, "split": None}
    return number("distill", "student", measure, value, **{**place, **more})


def line(seed: int, alpha: float, *kl: float) -> list[Row]:
    rows = [trained(seed, alpha, epoch, KL, value) for epoch, value in enumerate(kl, 1)]
    for epoch in range(len(kl) + 1):
        lengths = ((MOVED, 1.0 * epoch + seed), (HEAD, 2.0 * epoch), (AWAY, 3.0 * epoch + 10 * alpha))
        rows += [trained(seed, alpha, epoch, name, value) for name, value in lengths]
    return rows


def rows() -> list[Row]:
    """Two teachers and two alphas; the student of teacher 1 at alpha 1 diverged in its second epoch."""
    found = [*line(0, 0.3, 8e-4, 2e-4), *line(1, 0.3, 6e-4, 4e-4), *line(0, 1.0, 9e-4, 7e-4)]
    found += [{**row, "status": "diverged"} for row in line(1, 1.0, 1e-3)]
    found += [trained(1, 1.0, 2, name, None, status="diverged") for name in (KL, MOVED, HEAD, AWAY)]
    found += [teacher(0, 40.0), teacher(1, 50.0)]
    found += [student(0, 60.0, 2), student(1, 66.0, 2), student(0, 50.0, 2, alpha=1.0)]
    return [*found, student(1, None, 2, alpha=1.0, status=SKIPPED)]


def test_numbers_along_training_and_at_its_end() -> None:
    (found,) = contents(Results(frame(rows()), {}, {}))
    assert found.name == "resnet18 at width 8 on Fashion-MNIST" and found.sample == "n = 2 teachers"
    assert {at: point.mean for at, point in found.along[KL, 0.3].items()} == pytest.approx({1: 7e-4, 2: 3e-4})
    assert {at: point.mean for at, point in found.along[MOVED, 0.3].items()} == {0: 0.5, 1: 1.5, 2: 2.5}
    assert [[point.mean for point in own.values()] for own in found.single[KL, 0.3]] == [
        [8e-4, 2e-4],
        [6e-4, 4e-4],
    ]
    ends = found.last[KL]
    assert (ends[0.3].low, ends[0.3].high, ends[0.3].count) == (2e-4, 4e-4, "2")
    assert (ends[1.0].mean, ends[1.0].count) == (7e-4, "1 of 2, 1 diverged")
    assert found.last[MOVED][1.0].mean == 2.0  # not that of the epoch before, which the lost one has
    gains = [(point.mean, point.low, point.high) for point in found.gain.values() if point.n == 2]
    assert gains == [(18, 16, 20)] and found.gain[1.0].mean == 10


def test_settings_of_probes_do_not_part_training_from_its_features() -> None:
    """Of two probes of one student each stands beside the same training."""
    size = "probe.train_size"
    found = [row for row in rows() if row["kind"] == "distill"]
    found += [teacher(0, 40.0, **{size: at}) for at in (100, 1000)]
    found += [student(0, 40.0 + at / 100, 2, **{size: at}) for at in (100, 1000)]
    contained = contents(Results(frame(found), {}, {}))
    assert [one.gain[0.3].mean for one in contained] == [1, 10]
    assert contained[0].last == contained[1].last


def test_what_is_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(optimisation, "save", lambda figure, folder, name: drawn.append(figure))
    both = [*rows(), *({**row, "arch": "vgg11", "key": f"v{row['key']}"} for row in rows())]
    optimisation.draw(Results(frame(both), {}, {}), tmp_path)
    panels = drawn[0].axes
    assert [panel.get_yscale() for panel in panels] == ["log", "linear"] * 2 + ["log", "linear", "linear"]
    shown = [dict(zip(*own.get_data(), strict=True)) for own in panels[0].get_lines()]
    # Of each alpha the teachers' own lines, and the mean.
    (found,) = contents(Results(frame(rows()), {}, {}))
    want = [
        {at: point.mean for at, point in own.items() if point.n}
        for alpha in (0.3, 1.0)
        for own in (*found.single[KL, alpha], found.along[KL, alpha])
    ]
    assert shown == [pytest.approx(own) for own in want]
    legend = panels[4].get_legend()
    assert legend and [text.get_text() for text in legend.get_texts()] == [
        f"{arch} at width 8 on Fashion-MNIST (1 diverged)" for arch in ("resnet18", "vgg11")
    ]
    ends = [dict(zip(*container[0].get_data(), strict=True)) for container in panels[6].containers]  # type: ignore[index]
    assert ends == [{0.3: 18, 1.0: 10}] * 2


def test_the_table() -> None:
    out = io.StringIO()
    Console(file=out, width=220).print(*optimisation.show(Results(frame(rows()), {}, {})))
    text = [" ".join(row.split()) for row in out.getvalue().splitlines()]
    assert "0.3 2 0.0003 0.0002 … 0.0004 2.50 4.00 9.00" in text
    assert "1 1 of 2, 1 diverged 0.0007 2.00 4.00 16.00" in text
    assert "Test accuracy in %, n = 2 teachers" in text


def test_a_study_without_trainings_has_no_such_figure(tmp_path: Path) -> None:
    bare = Results(frame([student(0, 60.0), teacher(0, 40.0)]), {}, {})
    optimisation.draw(bare, tmp_path)
    assert optimisation.show(bare) == [] and list(tmp_path.iterdir()) == []
