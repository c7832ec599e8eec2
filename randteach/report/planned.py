"""The numbers that a plan asks of a job, whether there are values or not."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from randteach.config.schema import Net
from randteach.jobs.job import Entry
from randteach.jobs.measures import NUMBERS
from randteach.jobs.study import COLUMNS

Settings = Mapping[str, Sequence[Any]]  # of a recorded plan: all values of each


def numbers(entry: Entry, settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for each measure, split, mode of norm layers and planned step of a job, without value."""
    held_out = bool(_value(entry, settings, "probe.val_fraction"))
    for place in _places(entry):
        for splits, measures in NUMBERS.get(entry.kind, {}).items():
            for split in splits:
                if split == "val" and not held_out:
                    continue
                for measure in measures:
                    if entry.kind == "distill" and not place["step"] and not measure.startswith("distance_"):
                        continue  # nothing is learnt yet
                    for bn in _modes(entry, settings, measure):
                        row = {**place, "split": split, "bn": bn, "measure": measure}
                        yield {name: value for name, value in row.items() if value is not None}


def _places(entry: Entry) -> Iterator[dict[str, Any]]:
    """Steps and epochs: all that are planned of a student, the last of a supervised training."""
    steps = sorted(entry.steps) if entry.kind == "distill" else sorted(entry.steps)[-1:]
    yield from ({"step": step, "epoch": entry.steps[step]} for step in steps)
    if not steps:
        yield {}


def _modes(entry: Entry, settings: Settings, measure: str) -> tuple[str | None, ...]:
    """How norm layers are treated, where a measure depends on that."""
    if entry.kind == "plane":
        return (_value(entry, settings, "plane.norm"),)
    if entry.kind != "connect" or measure in ("distance", "cosine"):
        return (None,)
    arch = _value(entry, settings, "net.arch")
    return ("interpolated", "reestimated") if _has_norms(arch) else ("none",)


def _value(entry: Entry, settings: Settings, name: str) -> Any:
    """A setting's value in a job; None where several apply."""
    column = COLUMNS.get(name, name)
    values = settings.get(name, ())
    return entry.labels.get(column, values[0] if len(values) == 1 else None)


@cache
def _has_norms(arch: str) -> bool:
    """Whether a network has norm layers."""
    import torch

    from randteach import nets
    from randteach.stages.embed import norms

    with torch.device("meta"):
        return bool(norms(nets.build(Net(arch, 1), 3, 32)))
