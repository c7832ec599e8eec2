"""How figures look: readable in print and in colour blindness; and how they are kept."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from loaders import DATASETS
from randteach import disk
from randteach.labels import label
from randteach.report.summary import half_width

TITLES = {"linear": "linear probe", "linear_std": "linear probe, standardised", "knn": "kNN probe"}
INK, TEACHER, INPUT = "#222222", "#b35806", "#7f7f7f"
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


def save(figure: Figure, folder: Path, name: str = "figure") -> None:
    """NAME.png and NAME.pdf."""
    for ending in ("png", "pdf"):
        path = folder / f"{name}.{ending}"
        temporary = disk.beside(path)
        figure.savefig(temporary, format=ending, dpi=200, bbox_inches="tight")
        temporary.replace(path)


def spread(values: pd.Series) -> tuple[float, float]:
    """Lengths of the error bar below and above the mean: the range of two, else the 95 % interval."""
    if len(values) > 2:
        return half_width(values), half_width(values)
    return values.mean() - values.min(), values.max() - values.mean()


def bars(groups: Iterable[tuple[Any, pd.Series]]) -> np.ndarray:
    """Lengths of the error bars below and above each group's mean: (2, groups)."""
    return np.array([spread(values) for _, values in groups]).T


def graded(number: int, count: int) -> dict[str, Any]:
    """Dark to light along an axis, and a marker of its own, so that grey print keeps them apart."""
    color = mpl.colormaps["viridis"](0.9 * number / max(1, count - 1))
    marker = MARKERS[number % len(MARKERS)]
    return {"color": color, "marker": marker, "markersize": 4.5, "linewidth": 1.4}


def matching(frame: pd.DataFrame, axes: Sequence[str], values: Sequence[Any]) -> pd.DataFrame:
    """Rows with these values on these axes, or with none: what an axis does not apply to fits all of it."""
    for name, value in zip(axes, values, strict=True):
        if not pd.isna(value):
            frame = frame[frame[name].isna() | (frame[name] == value)]
    return frame


def panels(frame: pd.DataFrame, axes: Sequence[str]) -> list[tuple[Any, ...]]:
    """Values on these axes, a panel each; rows that some axes do not apply to fit the others' panels."""
    combinations = frame[list(axes)].drop_duplicates().astype(object)
    combinations = combinations.where(combinations.notna(), None).sort_values(list(axes), key=_as_text)
    found = list(combinations.itertuples(index=False, name=None))
    return [one for one in found if not any(other != one and _fits(one, other) for other in found)]


def _as_text(column: pd.Series) -> pd.Series:
    return column.map(lambda value: f"{value:012.4f}" if isinstance(value, int | float) else str(value))


def _fits(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return all(mine is None or mine == theirs for mine, theirs in zip(one, other, strict=True))


def networks(axes: Sequence[str], values: Sequence[Any]) -> str:
    """What a panel's networks are: "resnet18 at width 8 on Fashion-MNIST, scope=all"."""
    named = {name: value for name, value in zip(axes, values, strict=True) if not pd.isna(value)}
    text = f"{named.pop('arch')} at width {named.pop('width')} on {DATASETS[named.pop('probed_on')].title}"
    return text + "".join(f", {name}={label(value)}" for name, value in named.items())


def seeds_of(frame: pd.DataFrame) -> str:
    """Over how many seeds a panel's means are, and what its bars show."""
    count = frame.seed.nunique()
    bars = "95 % interval of the mean" if count > 2 else "from lowest to highest"
    return number_of(frame) + (f"; bars: {bars}" if count > 1 else "")


def number_of(frame: pd.DataFrame) -> str:
    """Over how many seeds means are."""
    count = frame.seed.nunique()
    return f"n = {count} seed{'s' if count > 1 else ''}"
