"""Restarts: accuracy round after round, the student as the next teacher (paper, Figure 18)."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from rich.table import Table

from randteach.labels import label
from randteach.report.style import (
    INPUT,
    STYLE,
    TITLES,
    bars,
    graded,
    matching,
    networks,
    number_of,
    save,
    seeds_of,
)
from randteach.report.summary import chosen, number, settings, table

AXES = ("probed_on", "dataset", "arch", "width")


def rounds(frame: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy of each round's student at its last epoch; round 0 is the random teacher."""
    probes = frame[(frame.kind == "probe") & (frame.split == "test")].dropna(subset="value")
    students = chosen(frame)
    teachers = probes[probes.role == "teacher"].drop(columns=["round", "alpha", "dataset"])
    first = students[students["round"] == 1]
    alphas = first[
        ["teacher", "measure", "probed_on", "alpha", "dataset", *settings(frame)]
    ].drop_duplicates()
    apart = [name for name in settings(frame) if teachers[name].isna().all()]
    zero = teachers.drop(columns=apart).merge(
        alphas, on=[n for n in ("teacher", "measure", "probed_on", *settings(frame)) if n not in apart]
    )
    return pd.concat([zero.assign(round=0), students], ignore_index=True)


def draw(frame: pd.DataFrame, folder: Path, name: str = "figure") -> None:
    """Accuracy against rounds, a panel a probe, a line an alpha."""
    made = rounds(frame)
    if not len(made):
        return
    axes = [*AXES, *settings(frame)]
    groups = list(made.groupby(axes, dropna=False, sort=True))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 3.6 * len(groups)), layout="constrained")
        parts: Any = figure.subfigures(len(groups), 1, squeeze=False)
        for part, (values, ours) in zip(parts[:, 0], groups, strict=True):
            title = networks(
                [a for a in axes if a != "dataset"],
                [v for a, v in zip(axes, values, strict=True) if a != "dataset"],
            )
            part.suptitle(f"{title} ({seeds_of(ours)})", fontsize=10, fontweight="bold")
            panels: Any = part.subplots(1, len(TITLES), squeeze=False)
            pixels = matching(frame[(frame.role == "input") & (frame.split == "test")], axes, values)
            for panel, measure in zip(panels[0], TITLES, strict=True):
                _panel(panel, ours[ours.measure == measure])
                own = pixels[pixels.measure == measure].value.dropna()
                if len(own):
                    panel.axhline(own.mean(), color=INPUT, linestyle=":", label="raw pixels")
                panel.set_title(TITLES[measure])
            panels[0, 0].set_ylabel("test accuracy (%), last epoch")
            panels[0, 0].legend(fontsize=8)
        save(figure, folder, name)


def _panel(panel: Any, ours: pd.DataFrame) -> None:
    alphas = sorted(ours.alpha.unique())
    for at, alpha in enumerate(alphas):
        points = ours[ours.alpha == alpha].groupby("round").value
        mean = points.mean()
        name = f"student, alpha {label(float(alpha))}"
        panel.errorbar(
            mean.index.astype(int), mean, yerr=bars(points), capsize=3, label=name, **graded(at, len(alphas))
        )
    panel.set_xticks(range(int(ours["round"].max()) + 1))
    panel.set_xlabel("round (0: the random teacher)")


def show(frame: pd.DataFrame) -> list[Table]:
    """Mean accuracies, a row a probe and alpha, a column a round, and what the second round adds."""
    made = rounds(frame)
    if not len(made):
        return []
    shown = table(
        f"Test accuracy in %, student at its last epoch, round after round ({number_of(made)})",
        "round 0 is the random teacher; in brackets by seed, from lowest to highest",
    )
    extra = [name for name in (*AXES, "alpha", *settings(frame)) if made[name].nunique(dropna=False) > 1]
    last = int(made["round"].max())
    heads = [*extra, "measure", *(f"round {r}" for r in range(last + 1))]
    for head in [*heads, *(["second round adds"] if last > 1 else [])]:
        shown.add_column(head, justify="right")
    for measure in TITLES:
        for values, ours in made[made.measure == measure].groupby(extra or ["study"], dropna=False):
            by_round = ours.groupby("round").value.mean()
            wide = ours.pivot_table(index="seed", columns="round", values="value")
            gain = (wide[2] - wide[1]).dropna() if {1, 2} <= set(wide) else pd.Series(dtype=float)
            added = f"{gain.mean():+.1f} ({gain.min():+.1f} … {gain.max():+.1f})" if len(gain) else "-"
            shown.add_row(
                *(label(value) for value in values[: len(extra)]),
                measure,
                *(number(by_round.get(r, float("nan"))) for r in range(last + 1)),
                *([added] if last > 1 else []),
            )
    return [shown]
