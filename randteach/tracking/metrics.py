"""Rows, curves and configs in the form in which MLflow takes them."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from randteach.config.labels import label
from randteach.jobs.fields import flat
from randteach.jobs.job import Entry
from randteach.kinds import KINDS

NOT_NAMED = r"[^\w./ -]"  # what MLflow does not allow in a metric's name


def above(entry: Entry, entries: Mapping[str, Entry]) -> str | None:
    """Whose run is above a job's: the student's that it hangs from, or of a draw's training.

    None where that is the sweep's.
    """
    found = None
    while entry.parents and found is None:
        entry = entries[entry.parents[0].key]
        if _has_run(entry) or not entry.parents:
            found = entry.key
    if found is not None and entry.kind == "mask":  # a random one: to its teacher's own training
        whose = {"role": "teacher", **{name: entry.labels.get(name) for name in ("teacher", "seed")}}
        dense = (e for e in entries.values() if e.kind == "train" and not e.parents)
        found = next((e.key for e in dense if whose.items() <= e.labels.items()), found)
    return found


def _has_run(entry: Entry) -> bool:
    """Whether what hangs below a job is shown below its run."""
    return entry.kind in KINDS and KINDS[entry.kind].has_run


def curve(entry: Entry, rows: Iterable[Mapping[str, Any]], home: Mapping[str, Any]) -> list[Any]:
    """The points of a curve that the run above shows of a job: features along training, error by round.

    `home` are the labels of that run. Swept values that it does not share are named, so that no curve mixes
    jobs of two settings.
    """
    labels = entry.labels
    home = {"probed_on": labels["probed_on"] if entry.of_features else home.get("dataset"), **home}
    apart = [
        f"{name} {re.sub(NOT_NAMED, '', label(value))}"
        for name, value in sorted(labels.items())
        if ("." in name or name in ("alpha", "probed_on", "seed")) and value not in (None, home.get(name))
    ]
    found = KINDS[entry.kind].curve(labels, rows, bool(entry.parents)) if entry.kind in KINDS else None
    return of_rows(found.rows, found.step, "/".join([*found.names, *apart, ""])) if found else []


def of_rows(rows: Iterable[Mapping[str, Any]], step: int, prefix: str = "") -> list[Any]:
    """Metrics of rows; the timestamp is the step, so that a repeated row changes nothing."""
    from mlflow.entities import Metric

    found = []
    for row in rows:
        split = row.get("split", "test")
        at = row.get("step", step)
        for axis in ("x", "gamma"):  # of a line or a plane's row, in thousandths
            at = round(1000 * row[axis]) if axis in row else at
        head = prefix + (f"{row['bn']}/" if row.get("bn") else "") + ("" if split == "test" else f"{split}_")
        for name, value in row.items():
            if name not in ("step", "split", "x", "y", "gamma") and isinstance(value, int | float):
                found.append(Metric(f"{head}{name}", float(value), max(at, 0), at))
    return found


def of_config(config: Mapping[str, Any]) -> list[Any]:
    """A stored config as flat parameters."""
    from mlflow.entities import Param

    values = flat(config).items()
    return [Param(name, value if isinstance(value, str) else json.dumps(value)) for name, value in values]
