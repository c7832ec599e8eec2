"""What a study shows, in one small table: students, their own teachers, and the gain between them."""

import math
from collections.abc import Sequence

import pandas as pd
from rich.table import Table

from randteach.report import paper
from randteach.report.table import COLUMNS

MEASURES = ("linear", "linear_std", "knn")
_AXES = ("probed_on", "dataset", "arch", "width", "alpha")


def last_epoch(frame: pd.DataFrame) -> pd.DataFrame:
    """Of each student's probed snapshots the one of its last epoch."""
    students = frame[(frame.role == "student") & (frame.kind == "probe")]
    group = [name for name in (*_AXES, "seed", "teacher", "split", "measure") if name in frame]
    group += swept(frame)
    last = students.groupby(group, dropna=False)["step"].transform("max")
    return students[students.step == last]


def swept(frame: pd.DataFrame) -> list[str]:
    """Swept settings that have no column of their own."""
    return [name for name in frame.columns if name not in COLUMNS]


def gains(frame: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """A row a student and measure: its accuracy, that of its own teacher, and the gain, in points."""
    probes = frame[(frame.kind == "probe") & (frame.split == split)]
    students = last_epoch(probes)
    teachers = probes[probes.role == "teacher"]
    shared = [n for n in swept(frame) if teachers[n].notna().any()]
    on = ["teacher", "probed_on", "measure", *shared]
    joined = students.merge(teachers[[*on, "value"]], on=on, how="left", suffixes=("", "_teacher"))
    joined["gain"] = joined["value"] - joined["value_teacher"]
    return joined


def summarise(frame: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Means over seeds with n and the half-width of the gain's 95 % interval (Student's t)."""
    axes = [*_AXES, *swept(frame), "measure"]
    grouped = gains(frame, split).groupby(axes, dropna=False, sort=True)
    result = grouped.agg(
        n=("gain", "count"),
        student=("value", "mean"),
        teacher=("value_teacher", "mean"),
        gain=("gain", "mean"),
        interval=("gain", half_width),
    )
    return result.reset_index()


def half_width(values: Sequence[float]) -> float:
    """Half of the 95 % interval of the mean; nan for fewer than two values."""
    from scipy import stats

    series = pd.Series(values).dropna()
    if len(series) < 2:
        return math.nan
    return float(stats.t.ppf(0.975, len(series) - 1) * series.sem())


def show(frame: pd.DataFrame) -> Table:
    """The summary for the terminal, the paper's numbers beside ours where the setting is the paper's."""
    rows = summarise(frame)
    extra = [name for name in (*_AXES, *swept(frame)) if rows[name].nunique(dropna=False) > 1]
    table = Table(
        title="accuracy in % on the test split at the last epoch; gain in points",
        title_style="bold",
    )
    for name in extra:
        table.add_column(name, justify="right")
    for name in ("measure", "n", "teacher", "student", "gain", "+- 95 %", "input", "paper t / s"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    pixels = frame[(frame.role == "input") & (frame.split == "test")]
    pixels = pixels.groupby(["probed_on", "measure"])["value"].mean()
    for row in rows.to_dict("records"):
        theirs = paper.beside(row)
        pixel = pixels.get((row["probed_on"], row["measure"]), math.nan)
        table.add_row(
            *(label(row[name]) for name in extra),
            str(row["measure"]),
            str(row["n"]),
            *(number(row[name]) for name in ("teacher", "student")),
            number(row["gain"], "+.1f"),
            number(row["interval"]),
            number(pixel),
            f"{theirs.teacher:.1f} / {theirs.student:.1f}" if theirs else "",
        )
    return table


def label(value: object) -> str:
    """An axis value for people: the paper's alpha of 1e-10 is shown as 0."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{0 if 0 < value < 1e-6 else value:g}"
    return "" if value is None or value is pd.NA else str(value)


def number(value: float, form: str = ".1f") -> str:
    """A number, or a dash where there is none."""
    return "-" if math.isnan(value) else format(value, form)
