"""The numbers that a plan asks of a job, whether there are values or not."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

from randteach.jobs.about import About, about
from randteach.jobs.job import Entry
from randteach.jobs.study import COLUMNS
from randteach.kinds import KINDS

Settings = Mapping[str, Sequence[Any]]  # of a recorded plan: all values of each


def numbers(entry: Entry, settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for each measure, split, mode of norm layers and planned step of a job, without value."""
    known = entry.about or _declared(entry, settings)
    for place, number in product(_places(entry, known), known.numbers if known else ()):
        if number.learnt and not place["step"]:
            continue
        row = {**place, "split": number.split, "bn": number.bn, "measure": number.measure}
        yield {name: value for name, value in row.items() if value is not None}


def _declared(entry: Entry, settings: Settings) -> About | None:
    """What is declared of a job's kind: plans of older versions do not say it."""
    kind = KINDS.get(entry.kind)
    return about(kind, None, partial(_value, entry, settings)) if kind else None


def _places(entry: Entry, known: About | None) -> Iterator[dict[str, Any]]:
    """Steps and epochs: all that are planned of a student, the last of a supervised training."""
    steps = sorted(entry.steps)
    if not known or not known.every_step:
        steps = steps[-1:]
    yield from ({"step": step, "epoch": entry.steps[step]} for step in steps)
    if not steps:
        yield {}


def _value(entry: Entry, settings: Settings, name: str) -> Any:
    """A setting's value in a job; None where several apply."""
    column = COLUMNS.get(name, name)
    values = settings.get(name, ())
    return entry.labels.get(column, values[0] if len(values) == 1 else None)
