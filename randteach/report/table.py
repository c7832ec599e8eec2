"""The tidy table: one row a number, from the store alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from randteach.config.schema import settings as known_settings
from randteach.environment import disk
from randteach.errors import Damaged, Unknown
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Entry
from randteach.report.planned import Settings, numbers
from randteach.stages.recorder import OK, SKIPPED
from randteach.store import work
from randteach.store.missing import below_diverged
from randteach.store.store import Store

COLUMNS = [
    "study",
    "key",
    "kind",
    "role",
    "teacher",
    "draw",
    "dataset",
    "probed_on",
    "arch",
    "width",
    "alpha",
    "seed",
    "epoch",
    "step",
    "at",
    "round",
    "kept",
    "rewind",
    "control",
    "gamma",
    "pair",
    "place",
    "x",
    "y",
    "bn",
    "measure",
    "split",
    "value",
    "status",
    "numerics",
]
_PLACE = ("step", "epoch", "gamma", "x", "y", "bn", "split")
_SORTED_BY = [name for name in COLUMNS if name not in ("value", "status", "numerics")]
_FLOATS = ("epoch", "alpha", "value", "at", "kept", "rewind", "gamma", "x", "y")
_INTEGERS = ("width", "seed", "step", "round")
FAILED, MISSING, UNKNOWN = (
    "failed",
    "missing",
    "unknown",
)  # statuses of numbers without value, beside those of results
Row = dict[str, Any]


def build(
    store: Store,
    study: str,
    entries: Iterable[Entry],
    settings: Settings,
    on_damage: Callable[[Damaged], None] | None = None,
) -> pd.DataFrame:
    """All numbers that a plan asks for, sorted; settings that were swept come last.

    `settings` are the plan's. A number without value has a row with its status. Damaged artifacts count
    as missing where there is someone to tell, and raise Damaged where there is not.
    """
    entries = list(entries)
    kinds = {entry.kind for entry in entries}
    made = {kind: store.done(kind) for kind in kinds}
    skipped, _ = below_diverged(entries, store)
    reader = _Reader(store, settings, made, dict.fromkeys(work.failures(store), FAILED), on_damage)
    reader.absent.update(dict.fromkeys(skipped, SKIPPED))
    rows = [{"study": study, **row} for entry in entries for row in reader.rows(entry)]
    swept = sorted({name for entry in entries for name in entry.labels} - set(COLUMNS))
    frame = pd.DataFrame({name: _column(name, rows) for name in (*COLUMNS, *swept)})
    order = [*_SORTED_BY[:-2], *swept, *_SORTED_BY[-2:]]
    return frame.sort_values(order, kind="stable", na_position="first", ignore_index=True)


def _column(name: str, rows: list[Row]) -> pd.Series:
    """A column in its own type: whole numbers stay exact beside empty cells."""
    values = [row.get(name) for row in rows]
    kind = known_settings()[name].type.removesuffix(" | null") if name in known_settings() else ""
    if name in _INTEGERS or kind == "int":
        return pd.Series(values, dtype="Int64")
    if name in _FLOATS or kind == "float":
        return pd.to_numeric(pd.Series(values, dtype="object"), errors="coerce").astype("float64")
    if kind == "bool":
        return pd.Series(values, dtype="boolean")
    return pd.Series(values)


def write(frame: pd.DataFrame, folder: Path) -> None:
    """`results.csv`, floats in the shortest form that reads back the same, and `results.parquet`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, save in (("results.csv", frame.to_csv), ("results.parquet", frame.to_parquet)):
        with disk.replacing(folder / name) as temporary:
            save(temporary, index=False)


@dataclass
class _Reader:
    """Reads the rows of jobs from the store."""

    store: Store
    settings: Settings
    made: Mapping[str, set[str]]
    absent: dict[str, str]  # why jobs are not made, by key
    on_damage: Callable[[Damaged], None] | None

    def rows(self, entry: Entry) -> Iterator[Row]:
        """All numbers of a job, and what it has not given of those that were planned."""
        base = {**entry.labels, "key": entry.key, "kind": entry.kind}
        newest, about, found = self._newest(entry)
        yield from (base | about | row for row in found)
        given = {_place(row) for row in found}
        planned = (row for row in numbers(entry, self.settings) if _place(row) not in given)
        if newest != entry.artifacts[-1]:  # what is made of it lacks none of its own numbers
            about = {"status": self.absent.get(entry.key, MISSING)}
            planned = (row for row in planned if not newest or row["step"] > newest.step)
        elif about["status"] == OK:
            return
        yield from (base | about | row for row in planned)

    def _newest(self, entry: Entry) -> tuple[Artifact | None, Row, list[Row]]:
        """The latest result of a job that can be read, how it ended, and its numbers."""
        for artifact in reversed(entry.artifacts):
            if artifact.kind != entry.kind or artifact.name not in self.made[artifact.kind]:
                continue
            try:
                return artifact, *self._read(artifact)
            except KeyError:
                continue  # set aside meanwhile, by another sweep
            except Unknown:  # made by a newer version
                self.absent[entry.key] = UNKNOWN
            except Damaged as damage:
                if not self.on_damage:
                    raise
                self.on_damage(damage)
        return None, {}, []

    def _read(self, artifact: Artifact) -> tuple[Row, list[Row]]:
        """How an artifact ended, and a row for each of its numbers."""
        commit = self.store.commit_of(artifact)
        about = {"status": commit.status, "numerics": commit.numerics}
        found = []
        for row in self.store.rows(artifact):
            place = {name: row[name] for name in _PLACE if name in row}
            found += [
                {**place, "measure": measure, "value": value}
                for measure, value in row.items()
                if measure not in _PLACE
            ]
        return about, found


def _place(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("measure", "split", "bn", "step"))
