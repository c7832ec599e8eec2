"""The numbers that a plan asks of a job, whether there are values or not."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

from randteach.jobs.job import Entry
from randteach.jobs.study import COLUMNS
from randteach.kinds import KINDS

Settings = Mapping[str, Sequence[Any]]  # of a recorded plan: all values of each


def numbers(entry: Entry, settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for each measure, split, mode of norm layers and planned step of a job, without value."""
    held_out = bool(_value(entry, settings, "probe.val_fraction"))
    value = partial(_value, entry, settings)
    kind = KINDS.get(entry.kind)
    for place, number in product(_places(entry), kind.numbers if kind else ()):
        if number.learnt and not place["step"]:
            continue
        for split, bn in product(number.splits, number.modes(value)):
            if split != "val" or held_out:
                row = {**place, "split": split, "bn": bn, "measure": number.name}
                yield {name: value for name, value in row.items() if value is not None}


def _places(entry: Entry) -> Iterator[dict[str, Any]]:
    """Steps and epochs: all that are planned of a student, the last of a supervised training."""
    steps = sorted(entry.steps)
    if entry.kind not in KINDS or not KINDS[entry.kind].every_step:
        steps = steps[-1:]
    yield from ({"step": step, "epoch": entry.steps[step]} for step in steps)
    if not steps:
        yield {}


def _value(entry: Entry, settings: Settings, name: str) -> Any:
    """A setting's value in a job; None where several apply."""
    column = COLUMNS.get(name, name)
    values = settings.get(name, ())
    return entry.labels.get(column, values[0] if len(values) == 1 else None)
