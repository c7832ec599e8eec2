"""The figure of init distance: accuracy against alpha, and along training (paper, figure 3)."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from loaders import DATASETS
from randteach.labels import label
from randteach.report import paper
from randteach.report.style import (
    INK,
    INPUT,
    STYLE,
    TEACHER,
    TITLES,
    bars,
    graded,
    save,
    seeds_of,
    spread,
)
from randteach.report.summary import chosen, settings, show

__all__ = ["draw", "show"]
PANEL_AXES = ("probed_on", "dataset", "arch", "width")


def draw(frame: pd.DataFrame, folder: Path, name: str = "figure") -> None:
    """Accuracy against alpha, and against epochs by alpha (paper, figure 3).

    One pair of rows a setting other than alpha and seed: above at the last epoch, with the teacher's
    and the raw pixels' accuracy as lines; below along training.
    """
    probes = frame[(frame.kind == "probe") & (frame.split == "test")]
    axes = [*PANEL_AXES, *settings(frame)]
    students = probes[probes.role == "student"]
    if students["value"].notna().sum() == 0:
        return
    groups = list(students.groupby(axes, dropna=False, sort=True))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 5.9 * len(groups) + 0.5), layout="constrained")
        parts: Any = figure.subfigures(len(groups), 1, squeeze=False)
        for part, (values, ours) in zip(parts[:, 0], groups, strict=True):
            part.suptitle(_title(axes, values, ours), fontsize=10, fontweight="bold")
            panels = part.subplots(2, len(TITLES), sharey="row", squeeze=False)
            teachers = probes[(probes.role == "teacher") & probes.teacher.isin(ours.teacher)]
            teachers = teachers[teachers.probed_on.isin(ours.probed_on)]
            pixels = probes[(probes.role == "input") & probes.probed_on.isin(ours.probed_on)]
            for column, measure in enumerate(TITLES):
                frames = [f[f.measure == measure] for f in (ours, teachers, pixels)]
                _against_alpha(panels[0, column], measure, *frames)
                _against_epochs(panels[1, column], *frames)
            panels[0, 0].set_ylabel("test accuracy (%), last epoch")
            panels[1, 0].set_ylabel("test accuracy (%)")
            handles = [*_roles(), *_alphas(ours)]
            part.legend(handles=handles, loc="outside lower center", ncols=8, fontsize=8)
        save(figure, folder, name)


def _title(axes: list[str], values: tuple[Any, ...], ours: pd.DataFrame) -> str:
    named = dict(zip(axes, values, strict=True))
    dataset, probed_on = (DATASETS[str(named.pop(name))].title for name in ("dataset", "probed_on"))
    text = f"{named.pop('arch')} at width {named.pop('width')}, distilled on {dataset}, probed on {probed_on}"
    text += "".join(f", {name}={label(value)}" for name, value in named.items() if label(value))
    return f"{text} ({seeds_of(ours)})"


def _against_alpha(
    panel: Axes, measure: str, ours: pd.DataFrame, teachers: pd.DataFrame, pixels: pd.DataFrame
) -> None:
    last = chosen(ours)
    for frame, color, style in ((teachers, TEACHER, "--"), (pixels, INPUT, ":")):
        values = frame.drop_duplicates("key").value.dropna()
        if len(values):
            panel.axhline(values.mean(), color=color, linestyle=style, linewidth=1.6)
            if len(values) > 1:
                low, high = spread(values)
                panel.axhspan(values.mean() - low, values.mean() + high, color=color, alpha=0.12, lw=0)
    points = last.dropna(subset="value").groupby("alpha").value
    if len(points):
        mean = points.mean()
        panel.errorbar(
            mean.index,
            mean,
            yerr=bars(points),
            color=INK,
            marker="o",
            markersize=5,
            linewidth=1.6,
            capsize=3,
        )
        for _, seed in last.groupby("seed"):
            panel.plot(seed.alpha, seed.value, ".", color=INK, alpha=0.35, markersize=4, linewidth=0)
    named = ours.iloc[0].to_dict() if len(ours) else {}
    theirs = paper.beside({**named, "measure": measure, "alpha": 0.0}) if named else None
    if theirs:
        panel.plot(0, theirs.student, "*", color=INK, markersize=11, mfc="white", clip_on=False)
        panel.plot(0, theirs.teacher, "*", color=TEACHER, markersize=11, mfc="white", clip_on=False)
    panel.set_title(TITLES[measure])
    panel.set_xlim(-0.04, 1.04)
    panel.set_xlabel("init distance alpha (0: the teacher, 1: a fresh draw)")


def _against_epochs(panel: Axes, ours: pd.DataFrame, teachers: pd.DataFrame, pixels: pd.DataFrame) -> None:
    alphas = sorted(ours.alpha.unique())
    for number, alpha in enumerate(alphas):
        curve = ours[ours.alpha == alpha].dropna(subset="value").groupby("epoch").value.mean()
        panel.plot(curve.index, curve, **graded(number, len(alphas)))
    for frame, color, style in ((teachers, TEACHER, "--"), (pixels, INPUT, ":")):
        values = frame.drop_duplicates("key").value.dropna()
        if len(values):
            panel.axhline(values.mean(), color=color, linestyle=style, linewidth=1.2)
    panel.set_xlabel("epochs of distillation")


def _roles() -> list[Line2D]:
    return [
        Line2D([], [], color=INK, marker="o", markersize=5, label="student"),
        Line2D([], [], color=TEACHER, linestyle="--", label="its teacher"),
        Line2D([], [], color=INPUT, linestyle=":", label="raw pixels"),
    ]


def _alphas(ours: pd.DataFrame) -> list[Line2D]:
    alphas = sorted(ours.alpha.unique())
    return [
        Line2D([], [], label=f"alpha {label(float(alpha))}", **graded(number, len(alphas)))
        for number, alpha in enumerate(alphas)
    ]
