"""The statistics of a tidy table by loops over its rows, independently of what they are to check."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

Row = dict[str, Any]
# Student's t at 0.975, by degrees of freedom, from a printed table.
T = {2: 4.302652730, 3: 3.182446305, 4: 2.776445105, 5: 2.570581836, 6: 2.446911849, 7: 2.364624251}
WORDS = {
    "skipped: parent diverged": "diverged",
    "missing": "unfinished",
    "failed": "failed",
    "diverged": "diverged",
}
NO_LABEL = {
    "study",
    "key",
    "kind",
    "measure",
    "split",
    "value",
    "status",
    "step",
    "epoch",
    "numerics",
    "gamma",
}
NO_LABEL |= {"x", "y", "place"}
FIXED = ("probed_on", "dataset", "arch", "width", "alpha")


def has(row: Row, name: str) -> bool:
    value = row.get(name)
    return value is not None and value == value


def cell(row: Row, name: str) -> Any:
    return row[name] if has(row, name) else None


def value_of(row: Row) -> float | None:
    return cell(row, "value")


def never(row: Row) -> bool:
    return False


def labels(row: Row) -> tuple[Any, ...]:
    """What tells a run from others."""
    return tuple(sorted((n, row[n]) for n in row if n not in NO_LABEL and has(row, n)))


def is_swept(name: str) -> bool:
    return "." in name


def experiment(row: Row, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(cell(row, name) for name in names)


def swept_of(rows: Iterable[Row]) -> list[str]:
    """Swept settings, seeds left out, sorted as the table's columns are."""
    return sorted({n for row in rows for n in row if is_swept(n) and not n.startswith("seeds.")})


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def summary_of(runs: Sequence[tuple[Any, list[float], str]]) -> Row:
    """Of runs, each with its draw, its values and what is to be said of it."""
    draws: dict[Any, list[float]] = {}
    notes: dict[str, int] = {}
    for draw, values, note in runs:
        draws.setdefault(draw, [])
        if values:
            draws[draw].append(mean(values))
        if note:
            notes[note] = notes.get(note, 0) + 1
    own = [mean(values) for values in draws.values() if values]
    found: Row = {"n": len(own), "planned": len(draws), "runs": len(runs), "notes": notes, "mean": math.nan}
    found |= {"low": math.nan, "high": math.nan, "bar": "", "made": sum(map(len, draws.values()))}
    if own:
        found["mean"] = mean(own)
    if len(own) >= 3:
        square = sum((value - found["mean"]) ** 2 for value in own) / (len(own) - 1)
        half = T[len(own) - 1] * math.sqrt(square) / math.sqrt(len(own))
        found |= {
            "low": found["mean"] - half,
            "high": found["mean"] + half,
            "bar": "95 % interval of the mean",
        }
    if len(own) == 2:
        found |= {"low": min(own), "high": max(own), "bar": "lowest to highest teacher"}
    if len(own) == 1:
        (repeats,) = [values for values in draws.values() if values]
        if len(repeats) > 1:
            bar = "lowest to highest repeat of one teacher"
            found |= {"low": min(repeats), "high": max(repeats), "bar": bar}
    return found


def repeated(row: Row) -> tuple[Any, ...]:
    """What tells repeats of one draw apart."""
    return tuple(
        (n, row[n]) for n in sorted(row) if n in ("seed", "pair") or n.startswith("seeds.") if has(row, n)
    )


def grouped(
    rows: Iterable[Row], by: Sequence[str], value: Callable[[Row], float | None], still: Callable[[Row], bool]
) -> dict[tuple[Any, ...], Row]:
    """Each group's summary."""
    groups: dict[tuple[Any, ...], dict[Any, list[Row]]] = {}
    for row in rows:
        run = cell(row, "draw"), repeated(row)
        groups.setdefault(experiment(row, by), {}).setdefault(run, []).append(row)
    found = {}
    for name, runs in groups.items():
        told = []
        for (draw, _), own in runs.items():
            values = [v for v in map(value, own) if v is not None]
            note = "" if values else WORDS.get(own[0]["status"], "no number")
            told.append((draw, values, "unmoved" if any(map(still, own)) else note))
        found[name] = summary_of(told)
    return found


def fits(owner: Row, row: Row, without: Sequence[str] = ("role", "seed")) -> bool:
    """Whether a teacher, or raw pixels, belong to a student's row: equal wherever they have a value."""
    skipped = {"study", "key", "kind", "value", "status", "step", "epoch", "numerics", *without}
    return all(not has(owner, n) or (has(row, n) and owner[n] == row[n]) for n in owner if n not in skipped)


class Features:
    """Probed features of a table's rows."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.settings = swept_of(rows)
        probes = [r for r in rows if r["kind"] in ("probe", "measure")]
        self.students = [r for r in probes if r["role"] == "student"]
        self.teachers = [r for r in probes if r["role"] == "teacher" and r["split"] == "test"]
        self.pixels = [r for r in probes if r["role"] == "input" and r["split"] == "test"]
        self.last: dict[Any, int] = {}
        for row in self.students:
            name = labels(row)
            self.last[name] = max(self.last.get(name, -1), row["step"])
        self.ends = [r for r in self.students if r["split"] == "test" and r["step"] == self.last[labels(r)]]
        stopped = [r for r in rows if r["kind"] == "distill" and r["status"] == "unmoved"]
        self.unmoved = {id(r) for r in self.ends for s in stopped if set(labels(s)) <= set(labels(r))}

    def still(self, row: Row) -> bool:
        return id(row) in self.unmoved

    def summary(self, by: Sequence[str], rows: Iterable[Row] | None = None) -> dict[tuple[Any, ...], Row]:
        return grouped(self.ends if rows is None else rows, by, value_of, self.still)

    def gains(self, by: Sequence[str]) -> dict[tuple[Any, ...], Row]:
        def gain(row: Row) -> float | None:
            theirs = [t["value"] for t in self.teachers if has(t, "value") and fits(t, row)]
            return row["value"] - mean(theirs) if has(row, "value") and theirs else None

        return grouped(self.ends, by, gain, self.still)

    def added(self, by: Sequence[str]) -> dict[tuple[Any, ...], Row]:
        """Students of the second round less those of the first."""

        def gain(row: Row) -> float | None:
            first = [r for r in self.ends if r["round"] == 1 and has(r, "value")]
            theirs = [r["value"] for r in first if fits(r, row, ("teacher", "round"))]
            return row["value"] - mean(theirs) if has(row, "value") and theirs else None

        return grouped([r for r in self.ends if r["round"] == 2], by, gain, self.still)

    def belonging(
        self, found: list[Row], by: Sequence[str], rows: Iterable[Row] | None = None
    ) -> dict[tuple[Any, ...], Row]:
        """Summaries of the teachers or pixels that belong to any student of a group."""
        groups: dict[tuple[Any, ...], dict[int, Row]] = {}
        for row in self.ends if rows is None else rows:
            for owner in found:
                if fits(owner, row):
                    groups.setdefault(experiment(row, by), {})[id(owner)] = owner
        return {
            name: grouped(own.values(), ["study"], value_of, never)[("s",)] for name, own in groups.items()
        }

    def best(self, split: str, by: Sequence[str]) -> dict[tuple[Any, ...], Row]:
        def at(row: Row, where: str, step: int) -> list[float]:
            return [
                r["value"]
                for r in self.students
                if (r["split"], r["step"], r["measure"]) == (where, step, row["measure"])
                and labels(r) == labels(row)
                and has(r, "value")
            ]

        def value(row: Row) -> float | None:
            if not at(row, "test", row["step"]):
                return None
            chosen, most = None, -math.inf
            for step in sorted({r["step"] for r in self.students if labels(r) == labels(row)}):
                values = at(row, split, step)
                if step > 0 and values and mean(values) > most:
                    chosen, most = step, mean(values)
            values = at(row, "test", chosen) if chosen is not None else []
            return mean(values) if values else None

        return grouped(self.ends, by, value, self.still)


def panels_of(rows: list[Row]) -> list[tuple[Any, ...]]:
    """Networks and settings that rows differ in, those left out whose empty cells fit another one."""
    names = [*FIXED[:-1], *swept_of(rows)]
    found = {experiment(row, names) for row in rows}
    return [one for one in found if not any(other != one and within(one, other) for other in found)]


def within(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return all(mine is None or mine == theirs for mine, theirs in zip(one, other, strict=True))


def inside(row: Row, names: Sequence[str], values: Sequence[Any]) -> bool:
    return all(not has(row, n) or row[n] == value for n, value in zip(names, values, strict=True))


PLACE = ("role", "rewind", "alpha", "at", "control")


def tickets(rows: list[Row]) -> dict[Any, dict[str, Row]]:
    """Accuracies and gains by setting, start and share of weights kept."""

    def accuracy(row: Row) -> float | None:
        return 100 - row["value"] if has(row, "value") and row["status"] != "diverged" else None

    found: dict[Any, dict[str, Row]] = {}
    names = [*FIXED[:-1], *swept_of(rows)]
    for values in panels_of(rows):
        ours = [row for row in rows if inside(row, names, values)]
        if all(accuracy(row) is None for row in ours):
            continue
        later = [row for row in ours if row["round"] > 0]
        lines: dict[tuple[Any, ...], list[Row]] = {}
        for row in later:
            lines.setdefault(experiment(row, PLACE), []).append(row)
        for line in lines.values():
            dense = [row for row in ours if row["round"] == 0]
            line += [row for row in dense if any(fits(row, one, ("kept", "round")) for one in line)]
        first = [start for start in lines if start[0] == "teacher" and start[-1] is None]
        least = min(first, key=lambda start: start[1]) if first else None
        for start, line in lines.items():
            by_kept = grouped(line, ["kept"], accuracy, never)

            def gain(row: Row, theirs: Sequence[Row]) -> float | None:
                without = ("role", "teacher", "rewind", "round")
                own_teachers = [accuracy(one) for one in theirs if fits(one, row, without)]
                made = [value for value in own_teachers if value is not None]
                own = accuracy(row)
                return None if own is None or not made else own - mean(made)

            gains = {}
            if least and start[0] == "student" and start[-1] is None:
                gains = grouped(line, ["kept"], partial(gain, theirs=lines[least]), never)
            for kept, own in by_kept.items():
                found[values, start, kept[0]] = {"accuracy": own, "gain": gains.get(kept)}
    return found


def lines(rows: list[Row], measure: str, by: Sequence[str]) -> dict[Any, dict[Any, Row]]:
    """Estimates of one measure of lines by setting, then by `by`."""
    found = {}
    names = [*FIXED[:-1], *swept_of(rows)]
    for values in panels_of(rows):
        ours = [row for row in rows if row["measure"] == measure and inside(row, names, values)]
        found[values] = grouped(ours, by, value_of, never)
    return found
