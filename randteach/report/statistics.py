"""Statistics of a study's tidy table: the only module that groups rows, joins them and averages.

The unit of n is the draw, that is the first teacher. The runs of one draw are averaged first; means, ranges
and intervals are those over draws.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from randteach.report.rows import OWN, Cells, Row, belonging, cells, is_repeat, order, with_value
from randteach.stages.recorder import DIVERGED, SKIPPED, UNMOVED

# What a bar or a spread shows.
INTERVAL = "95 % interval of the mean"
RANGE = "lowest to highest teacher"
REPEATED = "lowest to highest repeat of one teacher"
# How a run without a number is told; other statuses stand for themselves.
NOTES = {SKIPPED: DIVERGED, "missing": "unfinished", "ok": "no number"}
REPEAT_NAMES = {
    "seeds.student": "fresh draw",
    "seeds.train": "classifier",
    "seeds.probe": "probe seed",
    "seeds.noise": "noise draw",
}


@dataclass(frozen=True)
class Estimate:
    """A mean over draws, each the mean of its repeats; nan where no draw has a number.

    `bar` names what `low` and `high` are: the 95 % interval (Student's t) of three or more draws, the
    range of two, the range of one draw's repeats, or nothing.
    """

    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    bar: str = ""
    draws: tuple[float, ...] = ()  # the number of each draw that has one
    planned: int = 0  # draws
    runs: int = 0  # planned repeats of all draws
    made: int = 0  # of these, the ones with a number
    notes: Mapping[str, int] = field(default_factory=dict)  # runs by what is to be said of them

    @property
    def n(self) -> int:
        """Draws that have a number."""
        return len(self.draws)

    @property
    def count(self) -> str:
        """n, and what is to be said beside it: "3", or "1 of 2, 1 diverged"."""
        of = f" of {self.runs}" if self.runs > self.planned else ""
        notes = [f"{count}{of} {note}" for note, count in sorted(self.notes.items())]
        return ", ".join([f"{self.n} of {self.planned}" if self.n < self.planned else str(self.n), *notes])


def estimates(rows: Iterable[Row], by: Sequence[str]) -> dict[Cells, Estimate]:
    """The estimate of each group of rows, by its values in the columns `by`, in the order of these.

    Rows of a group with one draw and equal seeds are one run.
    """
    groups: dict[Cells, dict[Any, list[Row]]] = {}
    for row in rows:
        repeat = frozenset(item for item in row.items() if is_repeat(item[0]))
        groups.setdefault(cells(row, by), {}).setdefault((row.get("draw"), repeat), []).append(row)
    return {name: _estimate(groups[name]) for name in sorted(groups, key=order)}


def _estimate(runs: Mapping[tuple[Any, Any], Sequence[Row]]) -> Estimate:
    """Of runs by draw and repeat."""
    draws: dict[Any, list[float]] = {}
    notes: dict[str, int] = {}
    for (draw, _), rows in runs.items():
        own, value = draws.setdefault(draw, []), average(rows)
        if not math.isnan(value):
            own.append(value)
        status = rows[0].get("status", "missing")
        note = NOTES.get(status, status) if math.isnan(value) else status if status == UNMOVED else ""
        if note:
            notes[note] = notes.get(note, 0) + 1
    made = [own for own in draws.values() if own]
    means = tuple(_mean(own) for own in made)
    low, high, bar = math.nan, math.nan, ""
    mean = _mean(means)
    if len(means) > 2:
        low, high = interval(means)
        bar = INTERVAL
    elif len(means) == 2:
        low, high, bar = min(means), max(means), RANGE
    elif len(means) == 1 and len(made[0]) > 1:
        low, high, bar = min(made[0]), max(made[0]), REPEATED
    return Estimate(mean, low, high, bar, means, len(draws), len(runs), sum(map(len, made)), notes)


def average(rows: Iterable[Row]) -> float:
    """Average the values that exist; nan if there is none."""
    return _mean([row["value"] for row in rows if "value" in row])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def half_width(values: Sequence[float], level: float = 0.95) -> float:
    """Half of the interval of the mean of two values or more, by Student's t."""
    from scipy.special import stdtrit  # scipy.stats takes over a second to import

    return float(stdtrit(len(values) - 1, (1 + level) / 2)) * _error(values)


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """The interval of the mean of paired differences; nan of fewer than two."""
    if len(values) < 2:
        return math.nan, math.nan
    mean, half = _mean(values), half_width(values, level)
    return mean - half, mean + half


def equivalence(values: Sequence[float], margin: float) -> float:
    """The p of two one-sided t tests (TOST): that the mean lies outside ±margin; nan of fewer than two.

    It is below 5 % where, and only where, the 90 % interval lies within the margin.
    """
    from scipy.special import stdtr

    if len(values) < 2:
        return math.nan
    mean, error = _mean(values), _error(values)
    if not error:
        return 0.0 if abs(mean) < margin else 1.0
    return float(stdtr(len(values) - 1, (abs(mean) - margin) / error))


def teachers_needed(values: Sequence[float], margin: float, most: int, power: float = 0.8) -> int | None:
    """Teachers with which the equivalence test succeeds with a power where there is no difference.

    By the spread of these values, taken as the true one; None where it takes more than `most`, or where two
    values are not there to tell a spread.
    """
    from scipy.special import ndtr, stdtrit

    if len(values) < 2:
        return None
    spread = _error(values) * math.sqrt(len(values))
    for count in range(3, most + 1):
        error = spread / math.sqrt(count)
        room = margin / error - float(stdtrit(count - 1, 0.95)) if error else math.inf
        if 2 * float(ndtr(room)) - 1 >= power:
            return count
    return None


def _error(values: Sequence[float]) -> float:
    """The standard error of the mean of two values or more."""
    count, mean = len(values), _mean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count)


def gains(rows: Sequence[Row], found: Iterable[Row], without: Collection[str] = OWN) -> list[Row]:
    """The rows, each value less the mean of those that belong to it."""
    pairs = zip(rows, belonging(rows, found, without), strict=True)
    return [with_value(row, row.get("value", math.nan) - average(theirs)) for row, theirs in pairs]


def nested(points: Mapping[Cells, Estimate]) -> dict[Cells, dict[Any, Estimate]]:
    """Estimates by all columns but the last, then by the last, where that has a value."""
    found: dict[Cells, dict[Any, Estimate]] = {}
    for (*group, at), point in points.items():
        if at is not None:
            found.setdefault(tuple(group), {})[at] = point
    return found


def lost(rows: Iterable[Row]) -> dict[str, int]:
    """Count the jobs without any number, by reason."""
    made = {row["key"] for row in rows if "value" in row}
    found: dict[str, str] = {
        row["key"]: row.get("status", "missing") for row in rows if row["key"] not in made
    }
    told = [NOTES.get(status, status) for status in found.values()]
    return {note: told.count(note) for note in sorted(set(told))}


def sample(rows: Iterable[Row], by: Sequence[str]) -> str:
    """Say what the means of groups are taken over: "n = 3 teachers x 2 orders"."""
    found: dict[Cells, dict[Any, dict[str, set[Any]]]] = {}
    for row in rows:
        own = found.setdefault(cells(row, by), {}).setdefault(row.get("draw"), {})
        for name in row:
            if is_repeat(name) and name not in by:
                own.setdefault(name, set()).add(row[name])
    texts = {_sample(draws): len(draws) for draws in found.values()}
    return "n = " + " or ".join(sorted(texts, key=lambda text: (-texts[text], text)))


def _sample(draws: Mapping[Any, Mapping[str, set[Any]]]) -> str:
    parts = [f"{len(draws)} teacher{'' if len(draws) == 1 else 's'}"]
    for name in sorted({name for own in draws.values() for name in own}):
        most = max(len(own.get(name, ())) for own in draws.values())
        word = REPEAT_NAMES.get(name, name.removeprefix("seeds."))
        parts += [f"{most} {word}s"] if most > 1 else []
    return " x ".join(parts)
