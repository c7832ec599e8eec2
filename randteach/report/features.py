"""Select probed features from the tidy table: students along training, their teachers, raw pixels."""

from collections.abc import Sequence
from typing import Any

from randteach.kinds import of_features
from randteach.report.rows import Row, belonging, labels, last, where, with_value
from randteach.report.statistics import average
from randteach.stages.recorder import UNMOVED


def probed(rows: Sequence[Row], role: str) -> list[Row]:
    """Test and validation accuracies of a role: students at all epochs, teachers, or raw pixels."""
    return [row for row in rows if of_features(row["kind"]) and row["role"] == role]


def tested(rows: Sequence[Row], role: str) -> list[Row]:
    """Those of the test split."""
    return where(probed(rows, role), split="test")


def students(rows: Sequence[Row]) -> list[Row]:
    """A row a student and measure: test accuracy at its last planned epoch, or a status and no value.

    A student that has not moved keeps its number and has this status.
    """
    ends = last(tested(rows, "student"))
    still = [
        {name: cell for name, cell in row.items() if name not in ("measure", "split")}
        for row in where(rows, kind="distill", status=UNMOVED)
    ]
    pairs = zip(ends, belonging(ends, still, ()), strict=True)
    return [{**row, "status": UNMOVED} if theirs else row for row, theirs in pairs]


def best(rows: Sequence[Row], split: str) -> list[Row]:
    """The rows of `students`, each with its test accuracy at the epoch that is best on `split`.

    Epoch 0, the untrained network, is none of these; of equally good epochs the earliest is taken. A
    student without a number at its last epoch has none here.
    """
    curves: dict[Any, dict[str, dict[int, list[Row]]]] = {}
    for row in probed(rows, "student"):
        if row.get("step", 0) > 0 and "value" in row:
            splits = curves.setdefault((labels(row), row["measure"]), {})
            splits.setdefault(row["split"], {}).setdefault(row["step"], []).append(row)
    found = []
    for row in students(rows):
        curve = curves.get((labels(row), row["measure"]), {})
        judged = curve.get(split, {})
        chosen = max(sorted(judged), key=lambda step: average(judged[step]), default=None)
        values = curve.get("test", {}).get(chosen, []) if chosen is not None and "value" in row else []
        found.append(with_value(row, average(values)))
    return found
