"""The summary against numbers worked out by hand."""

import math

import pandas as pd
import pytest
from rich.console import Console

from randteach.report import summary
from randteach.report.table import COLUMNS


def row(role: str, value: float, **more: object) -> dict[str, object]:
    base = {"study": "s", "kind": "probe", "role": role, "probed_on": "cifar10", "measure": "linear"}
    return {**base, "split": "test", "value": value, "status": "ok", **more}


def frame(*seeds: tuple[float, list[float], list[float]]) -> pd.DataFrame:
    """A row of (teacher, student's test accuracies, its validation accuracies) a seed."""
    rows = [row("input", 39.0)]
    net = {"arch": "resnet18", "width": 64}
    for seed, (teacher, test, val) in enumerate(seeds):
        mine = {"teacher": f"t{seed}", **net}
        rows.append(row("teacher", teacher, **mine))
        for split, values in (("test", test), ("val", val)):
            for step, value in enumerate(values):
                about = {"dataset": "cifar10", "alpha": 1e-10, "seed": seed, "step": step, "split": split}
                rows.append(row("student", value, **mine, **about))
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def test_gains_are_paired_by_teacher_and_named_by_the_epoch_chosen() -> None:
    table = frame((30, [30, 44, 42], [1, 2, 3]), (40, [40, 50, 48], [3, 3, 1]), (20, [20, 21, 22], [0, 1, 0]))
    last, best, val = (summary.gains(table, by).gain.tolist() for by in ("last", "test", "val"))
    assert last == [12, 8, 2]
    assert best == [14, 10, 2]
    assert val == [12, 0, 1]  # of seed 1's two best validation epochs the earlier one


def test_interval_by_hand() -> None:
    """Gains 12, 8 and 2: mean 22/3, s = sqrt(228)/3, and t(0.975, 2) = 4.302653."""
    table = frame((30, [42], [1]), (40, [48], [1]), (20, [22], [1]))
    found = summary.summarise(table).iloc[0]
    assert (found.n, found.lowest, found.highest) == (3, 2, 12)
    assert found.gain == pytest.approx(22 / 3)
    assert found.interval == pytest.approx(4.302653 * math.sqrt(228) / 3 / math.sqrt(3), rel=1e-6)
    assert math.isnan(summary.half_width([1.0]))


def test_the_papers_numbers_stand_beside_ours_in_its_setting_alone() -> None:
    console = Console(width=160, record=True)
    console.print(*summary.show(frame((30, [42], [1]), (40, [48], [1]))))
    text = console.export_text()
    assert "35.5" in text and "46.0" in text and "39.0" in text and "8.0 … 12.0" in text
    small = frame((30, [42], [1]))
    small["width"] = small.width.replace(64, 8)
    console.print(*summary.show(small))
    assert "35.5" not in console.export_text()
