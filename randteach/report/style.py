"""The style of figures, readable in print and with colour blindness, and how they are saved."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from loaders import DATASETS
from randteach.config import presets
from randteach.config.labels import label
from randteach.environment import disk
from randteach.report.statistics import Estimate

INK, TEACHER, INPUT = "#222222", "#b35806", "#7f7f7f"
STAR: Any = {"marker": "*", "markersize": 11, "mfc": "white"}  # the paper's numbers
MARKERS = "osD^vPX*<>h"
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "pdf.fonttype": 42,
}
# Alphas below CROWDED would lie on each other: the largest is drawn at 0, others STEP apart beside it.
CROWDED, STEP = 0.02, 0.09
NEAR_ZERO = 1e-6  # below it "≈ 0" on an axis, unless there are several


@contextmanager
def page(width: float, height: float, **style: Any) -> Iterator[Figure]:
    """An empty figure of that many inches, to be filled and saved within."""
    with mpl.rc_context(STYLE | style):
        yield Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, folder: Path, name: str = "figure") -> None:
    """NAME.png and NAME.pdf; those of a study of the preset smoke say so."""
    if presets.is_smoke(folder.name):
        style: Any = {"color": "#b2182b", "fontsize": 8, "ha": "right", "va": "top"}
        figure.text(0.995, 0.995, "preset smoke: not for reading", **style)
    for ending in ("png", "pdf"):
        path = folder / f"{name}.{ending}"
        with disk.replacing(path) as temporary:
            figure.savefig(temporary, format=ending, dpi=200, bbox_inches="tight")


def graded(number: int, count: int) -> dict[str, Any]:
    """Dark to light along an axis, and a marker of its own, so that grey print keeps them apart."""
    color = mpl.colormaps["viridis"](0.9 * number / max(1, count - 1))
    marker = MARKERS[number % len(MARKERS)]
    return {"color": color, "marker": marker, "markersize": 4.5, "linewidth": 1.4}


def curve(panel: Axes, points: Mapping[float, Estimate], **style: Any) -> None:
    """A line through the means, by x; what has no mean is left out."""
    shown = {x: point for x, point in points.items() if point.n}
    panel.plot(list(shown), [point.mean for point in shown.values()], **style)


def barred(panel: Axes, points: Mapping[float, Estimate], label: str = "", **style: Any) -> None:
    """A line through the means with their bars; a named one says what is lost, and n beside such points."""
    shown = {x: point for x, point in points.items() if point.n}
    notes: Counter[str] = Counter()
    for x, point in points.items():
        notes.update(point.notes)
        if label and 0 < point.n < point.planned:
            place: Any = {"xytext": (5, 4), "textcoords": "offset points", "fontsize": 6.5}
            panel.annotate(f"{point.n} of {point.planned}", (x, point.mean), color=style["color"], **place)
    told = ", ".join(f"{count} {note}" for note, count in sorted(notes.items()))
    name = f"{label} ({told})" if told else label
    means = [point.mean for point in shown.values()]
    panel.errorbar(list(shown), means, yerr=lengths(shown.values()), capsize=3, label=name or None, **style)


def lengths(points: Iterable[Estimate]) -> np.ndarray:
    """Lengths of the bars below and above each mean, 0 where there is no bar: (2, points)."""
    ends = [(point.mean - point.low, point.high - point.mean) for point in points]
    return np.nan_to_num(np.array(ends).reshape(-1, 2).T)


def band(panel: Axes, point: Estimate, color: str, line: str, name: str = "", width: float = 1.6) -> None:
    """A mean as a horizontal line, with its bar as a band."""
    if point.n:
        panel.axhline(point.mean, color=color, linestyle=line, linewidth=width, label=name or None)
        if point.bar:
            panel.axhspan(point.low, point.high, color=color, alpha=0.12, lw=0)


def paper_handle() -> Line2D:
    """The legend's entry of the paper's numbers."""
    return Line2D([], [], label="the paper's", color=INK, linewidth=0, **STAR)


def bars_of(points: Iterable[Estimate]) -> str:
    """What the bars of these points show, one after the other where they differ."""
    found = list(dict.fromkeys(point.bar for point in points if point.bar))
    return "; bars: " + ", or ".join(found) if found else ""


def lost(panel: Axes, points: Mapping[float, Estimate]) -> None:
    """What has to be said of points beside their means, in small upright text above the axis."""
    for x, point in points.items():
        if point.notes:
            style: Any = {"rotation": 90, "fontsize": 6.5, "ha": "right", "color": INK}
            panel.text(x, 0.02, f"n = {point.count}", transform=panel.get_xaxis_transform(), **style)


def alpha_places(alphas: Iterable[float]) -> dict[float, float]:
    """Where on the axis alphas are drawn: at their values, but those near to 0 apart from each other."""
    found = sorted(set(alphas))
    near = [alpha for alpha in found if alpha < CROWDED]
    apart = {alpha: -STEP * (len(near) - 1 - number) for number, alpha in enumerate(near)}
    return {alpha: apart.get(alpha, alpha) for alpha in found}


def alpha_axis(panel: Axes, places: Mapping[float, float]) -> None:
    """Ticks: "0", and "≈ 0" for what is nearly that; the values themselves where several are."""
    near = [alpha for alpha in places if alpha < CROWDED]
    tiny = [alpha for alpha in near if 0 < alpha < NEAR_ZERO]
    names = {alpha: "≈ 0" if tiny == [alpha] else label(alpha) for alpha in near}
    ticks = {places[alpha]: name for alpha, name in names.items()} or {0.0: "0"}
    ticks |= {tick: label(tick) for tick in (0.2, 0.4, 0.6, 0.8, 1.0)}
    panel.set_xticks(list(ticks), list(ticks.values()))
    for name, text in zip(ticks.values(), panel.get_xticklabels(), strict=True):
        text.set(rotation=60 if len(name) > 3 else 0)
    panel.set_xlim(min([0.0, *places.values()]) - 0.04, 1.04)


def networks(axes: Sequence[str], values: Sequence[Any]) -> str:
    """What a panel's networks are: "resnet18 at width 8 on Fashion-MNIST, tickets.scope=all"."""
    named = {name: value for name, value in zip(axes, values, strict=True) if value is not None}
    text = f"{named.pop('arch')} at width {named.pop('width')}"
    dataset = named.pop("dataset", None)
    if dataset and dataset != named["probed_on"]:
        text += f", distilled on {titled(dataset)}, probed"
    text += f" on {titled(named.pop('probed_on'))}"
    return text + "".join(f", {name}={label(value)}" for name, value in named.items())


def titled(dataset: str) -> str:
    """What a data set is called in figures; its name where it is unknown."""
    return DATASETS[dataset].title if dataset in DATASETS else dataset
