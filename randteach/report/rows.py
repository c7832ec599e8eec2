"""Rows of a study's tidy table: runs, what belongs to them, and the panels that they fall into.

A row is a mapping without its empty cells: an empty cell means "does not apply". A *run* is one student,
training or line of a plan. Runs that differ in nothing but seeds repeat an experiment.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from randteach.report.table import COLUMNS

Row = Mapping[str, Any]
Cells = tuple[Any, ...]  # values of some columns, None where a cell is empty

NETWORK = ("probed_on", "dataset", "arch", "width")
PLACES = {"study", "key", "kind", "measure", "split", "step", "epoch", "gamma", "place", "x", "y", "bn"}
NO_LABELS = PLACES | {"value", "status", "numerics"}  # all others tell one run from another
# A teacher or raw pixels belong to students, in another role and whatever seed names them.
OWN = ("role", "seed")


def records(frame: pd.DataFrame) -> list[Row]:
    """The rows of a table, in its order."""
    columns = [
        [
            None if empty else value
            for value, empty in zip(frame[name].tolist(), frame[name].isna(), strict=True)
        ]
        for name in frame.columns
    ]
    names = list(frame.columns)
    return [
        {name: cell for name, cell in zip(names, cells, strict=True) if cell is not None}
        for cells in zip(*columns, strict=True)
    ]


def settings(rows: Iterable[Row]) -> list[str]:
    """Swept settings without a column of their own that make another experiment; seeds repeat one."""
    swept = {name for row in rows for name in row if name not in COLUMNS}
    return sorted(name for name in swept if not is_repeat(name))


def repeats(rows: Iterable[Row]) -> list[str]:
    """Columns in which the runs of one experiment and draw may differ."""
    return sorted({name for row in rows for name in row if is_repeat(name)})


def is_repeat(name: str) -> bool:
    """Whether the runs of one experiment and draw differ in this column."""
    return name in ("seed", "pair") or name.startswith("seeds.")


def labels(row: Row) -> frozenset[tuple[str, Any]]:
    """What tells a run from others."""
    return frozenset(item for item in row.items() if item[0] not in NO_LABELS)


def cells(row: Row, names: Iterable[str]) -> Cells:
    """A row's values in some columns."""
    return tuple(row.get(name) for name in names)


def where(rows: Iterable[Row], **values: Any) -> list[Row]:
    """The rows with these values; with an empty cell where the value is None."""
    return [row for row in rows if all(row.get(name) == value for name, value in values.items())]


def with_value(row: Row, value: float) -> Row:
    """The row with another value; without one where it is nan."""
    rest = {name: cell for name, cell in row.items() if name != "value"}
    return rest if math.isnan(value) else {**rest, "value": value}


def last(rows: Sequence[Row]) -> list[Row]:
    """Rows at the last planned step of their run, with a value or without; all of runs without steps."""
    latest: dict[Any, int] = {}
    for row in rows:
        if "step" in row:
            latest[labels(row)] = max(row["step"], latest.get(labels(row), 0))
    return [row for row in rows if row.get("step") == latest.get(labels(row))]


def belonging(rows: Iterable[Row], found: Iterable[Row], without: Collection[str] = OWN) -> list[list[Row]]:
    """For each row those of `found` that belong to it: equal in measure, split and all their labels.

    What belongs has no value in a column that does not apply to it, and fits all values there. The
    columns `without` are not compared.
    """
    index: dict[tuple[str, ...], dict[Cells, list[Row]]] = {}
    for one in found:
        compared = (name for name in one if name not in NO_LABELS or name in ("measure", "split"))
        names = tuple(sorted(name for name in compared if name not in without))
        index.setdefault(names, {}).setdefault(cells(one, names), []).append(one)
    return [
        [one for names, by_cells in index.items() for one in by_cells.get(cells(row, names), ())]
        for row in rows
    ]


def owners(
    rows: Sequence[Row], found: Iterable[Row], by: Sequence[str], without: Collection[str] = OWN
) -> list[Row]:
    """What belongs to the rows of each group, once a group, under the group's values in `by`."""
    groups: dict[Cells, dict[int, Row]] = {}
    for row, theirs in zip(rows, belonging(rows, found, without), strict=True):
        groups.setdefault(cells(row, by), {}).update((id(one), one) for one in theirs)
    return [
        {
            name: value
            for name, value in {**one, **dict(zip(by, group, strict=True))}.items()
            if value is not None
        }
        for group, own in groups.items()
        for one in own.values()
    ]


def panels(rows: Iterable[Row], axes: Sequence[str]) -> list[Cells]:
    """Values on these axes, a panel each; rows to which some axes do not apply fit the others' panels."""
    found = {cells(row, axes) for row in rows}
    while joined := {both for one in found for other in found if (both := _joined(one, other))} - found:
        found |= joined
    found = {one for one in found if not any(other != one and _fits(one, other) for other in found)}
    return sorted(found, key=order)


def _joined(one: Cells, other: Cells) -> Cells | None:
    """The panel of two, where no axis that applies to both tells them apart."""
    pairs = list(zip(one, other, strict=True))
    if any(None not in pair and pair[0] != pair[1] for pair in pairs):
        return None
    return tuple(theirs if mine is None else mine for mine, theirs in pairs)


def within(rows: Iterable[Row], axes: Sequence[str], values: Cells) -> list[Row]:
    """The rows of a panel: with these values, or with none, on these axes."""
    return [row for row in rows if _fits(cells(row, axes), values)]


def _fits(one: Cells, other: Cells) -> bool:
    return all(mine is None or mine == theirs for mine, theirs in zip(one, other, strict=True))


def several(rows: Sequence[Row], axes: Iterable[str]) -> list[str]:
    """The axes on which rows differ; an empty cell is a value of its own."""
    return [name for name in axes if len({row.get(name) for row in rows}) > 1]


def order(group: Cells) -> Cells:
    """What sorts cells: empty ones first, numbers by their size, then text."""
    return tuple(
        (0, 0, "") if cell is None else (1, cell, "") if isinstance(cell, int | float) else (2, 0, str(cell))
        for cell in group
    )
