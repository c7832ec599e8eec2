"""What a study shows, in one small table: students, their own teachers, and the gain between them."""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from randteach.labels import label
from randteach.metrics import MEASURES
from randteach.report import paper
from randteach.report.table import COLUMNS

AXES = ("probed_on", "dataset", "arch", "width", "alpha")
PLACE = ("seed", "teacher", "measure")  # with the axes: one student's curve along its epochs


def swept(frame: pd.DataFrame) -> list[str]:
    """Swept settings that have no column of their own."""
    return [name for name in frame.columns if name not in COLUMNS]


def settings(frame: pd.DataFrame) -> list[str]:
    """Of these the ones that make another experiment; single seeds only repeat one."""
    return [name for name in swept(frame) if not name.startswith("seeds.")]


def chosen(frame: pd.DataFrame, by: str = "last") -> pd.DataFrame:
    """A row a student and measure: test accuracy at its `last` epoch, or its best one on `test` or `val`.

    Of epochs that are equally good the earliest is taken.
    """
    probes = frame[(frame.role == "student") & (frame.kind == "probe")].dropna(subset="value")
    curve = [*AXES, *PLACE, *swept(frame)]
    test = probes[probes.split == "test"]
    judged = (test if by == "last" else probes[probes.split == by]).sort_values("step", kind="stable")
    grouped = judged.groupby(curve, dropna=False, sort=False)
    at = grouped.tail(1) if by == "last" else judged.loc[grouped["value"].idxmax()]
    return test.merge(at[[*curve, "step"]], on=[*curve, "step"])


def gains(frame: pd.DataFrame, by: str = "last") -> pd.DataFrame:
    """`chosen` rows beside the test accuracy of the student's own teacher, and the gain, in points."""
    students = chosen(frame, by)
    probes = frame[(frame.kind == "probe") & (frame.split == "test")]
    teachers = probes[probes.role == "teacher"]
    on = ["teacher", "probed_on", "measure", *(n for n in swept(frame) if teachers[n].notna().any())]
    joined = students.merge(teachers[[*on, "value"]], on=on, how="left", suffixes=("", "_teacher"))
    joined["gain"] = joined["value"] - joined["value_teacher"]
    return joined


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with n, the gain's range, and the half-width of its 95 % interval (Student's t).

    `student` and `gain` are those of the last epoch; `best_on_test`, and `best_on_val` where samples
    were held out, are mean test accuracies at each student's best epoch.
    """
    axes = ["measure", *AXES, *settings(frame)]
    result = (
        gains(frame)
        .groupby(axes, dropna=False, sort=True)
        .agg(
            n=("gain", "count"),
            student=("value", "mean"),
            teacher=("value_teacher", "mean"),
            gain=("gain", "mean"),
            lowest=("gain", "min"),
            highest=("gain", "max"),
            interval=("gain", half_width),
        )
    )
    for split in ("test", "val"):
        if (frame.split == split).any():
            best = chosen(frame, split).groupby(axes, dropna=False)["value"].mean()
            result[f"best_on_{split}"] = best
    rank = {measure: number for number, measure in enumerate(MEASURES)}
    return result.reset_index().sort_values(
        "measure", key=lambda names: names.map(rank), kind="stable", ignore_index=True
    )


def half_width(values: Sequence[float]) -> float:
    """Half of the 95 % interval of the mean; nan for fewer than two values."""
    from scipy.special import stdtrit  # Student's t; scipy.stats takes over a second to import

    series = pd.Series(values).dropna()
    if len(series) < 2:
        return math.nan
    return float(stdtrit(len(series) - 1, 0.975) * series.sem())


def show(frame: pd.DataFrame) -> list[Table]:
    """The summary for the terminal, the paper's numbers beside ours where the setting is the paper's."""
    if not len(chosen(frame)):
        return []
    rows = summarise(frame)
    axes = [name for name in (*AXES, *settings(frame)) if rows[name].nunique(dropna=False) > 1]
    best = [name for name in ("best_on_test", "best_on_val") if name in rows]
    theirs = [paper.beside(row) for row in rows.to_dict("records")]
    shown = table(
        "Test accuracy in %, means over n; student at its last epoch, gain over its own teacher",
        "spread of the gain: lowest … highest of two, else ± the 95 % interval of the mean",
    )
    heads = ["measure", *axes, "n", "pixels", "teacher", "student", "gain", "spread"]
    heads += [name.replace("_", " ") for name in best]
    heads += ["paper: teacher", "student"] if any(theirs) else []
    for name in heads:
        shown.add_column(name, justify="left" if name == "measure" else "right", no_wrap=True)
    pixels = frame[(frame.role == "input") & (frame.split == "test")]
    pixels = pixels.groupby(["probed_on", "measure"])["value"].mean()
    for row, beside in zip(rows.to_dict("records"), theirs, strict=True):
        values = [pixels.get((row["probed_on"], row["measure"]), math.nan), row["teacher"], row["student"]]
        shown.add_row(
            str(row["measure"]),
            *(label(row[name]) for name in axes),
            str(row["n"]),
            *(number(value) for value in values),
            number(row["gain"], "+.1f"),
            _spread(row),
            *(number(row[name]) for name in best),
            *((number(beside.teacher), number(beside.student)) if beside else ()),
        )
    return [shown]


def table(title: str, caption: str | None = None) -> Table:
    """A table for the terminal, without rows."""
    return Table(
        title=title,
        caption=caption,
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        title_justify="left",
        caption_justify="left",
    )


def _spread(row: dict[Hashable, Any]) -> str:
    if row["n"] == 2:
        return f"{number(row['lowest'])} … {number(row['highest'])}"
    return f"± {number(row['interval'])}" if row["n"] > 2 else ""


def number(value: float, form: str = ".1f") -> str:
    """A number, or a dash where there is none."""
    return "-" if math.isnan(value) else format(value, form)
