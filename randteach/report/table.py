"""The tidy table: one row a number, from the store alone."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from randteach import disk
from randteach.jobs import Entry
from randteach.marker import Damaged
from randteach.stages.recorder import SKIPPED
from randteach.store import Store
from randteach.study import below_diverged

COLUMNS = [
    "study",
    "key",
    "kind",
    "role",
    "teacher",
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
_SKIPPED = {"probe": "linear", "mask": "kept_weights", "connect": "barrier_error", "plane": "kl"}
_SORTED_BY = [name for name in COLUMNS if name not in ("value", "status", "numerics")]


def build(
    store: Store, study: str, entries: Iterable[Entry], on_damage: Callable[[Damaged], None] | None = None
) -> pd.DataFrame:
    """All numbers of a plan's jobs that the store holds, sorted; settings that were swept come last.

    What hangs below a diverged network has one row, without a value. Damaged artifacts are left out where
    there is someone to tell, and raise Damaged where there is not.
    """
    rows: list[dict[str, Any]] = []
    entries = list(entries)
    skipped, _ = below_diverged(entries, store)
    for entry in entries:
        try:
            rows += _entry_rows(store, study, entry, entry.key in skipped)
        except KeyError:
            continue  # set aside meanwhile, by another sweep
        except Damaged as damage:
            if not on_damage:
                raise
            on_damage(damage)
    frame = pd.DataFrame(rows)
    swept = sorted(set(frame.columns) - set(COLUMNS))
    frame = frame.reindex(columns=[*COLUMNS, *swept])
    for name in ("epoch", "alpha", "value", "at", "kept", "rewind", "gamma", "x", "y"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    for name in ("width", "seed", "step", "round"):
        frame[name] = pd.array(frame[name], dtype="Int64")
    order = [*_SORTED_BY[:-2], *swept, *_SORTED_BY[-2:]]
    return frame.sort_values(order, kind="stable", na_position="first", ignore_index=True)


def write(frame: pd.DataFrame, folder: Path) -> None:
    """`results.csv`, floats in the shortest form that reads back the same, and `results.parquet`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, save in (("results.csv", frame.to_csv), ("results.parquet", frame.to_parquet)):
        temporary = disk.beside(folder / name)
        save(temporary, index=False)
        temporary.replace(folder / name)


def _entry_rows(store: Store, study: str, entry: Entry, skipped: bool) -> Iterator[dict[str, Any]]:
    base = {"study": study, "key": entry.key, "kind": entry.kind, **entry.labels}
    artifact = entry.artifacts[-1]
    if not store.has(artifact):
        if skipped:
            yield base | {"measure": _SKIPPED.get(entry.kind, "error"), "split": "test", "status": SKIPPED}
        return
    marker = store.marker(artifact)
    base |= {"status": marker.status, "numerics": marker.numerics}
    for row in store.rows(artifact):
        place = {name: row[name] for name in _PLACE if name in row}
        for measure, value in row.items():
            if measure not in _PLACE:
                yield base | place | {"measure": measure, "value": value}
