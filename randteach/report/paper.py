"""The paper's numbers (test accuracy in %), to stand beside ours where the setting is the paper's."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from randteach.config.labels import label
from randteach.config.overrides import parse, with_values
from randteach.config.schema import Config, Seeds
from randteach.identity import canonical
from randteach.jobs.build import distill_job, probe_spec
from randteach.jobs.downstream.train import drawn, train_job
from randteach.jobs.fields import named
from randteach.jobs.point import Point
from randteach.jobs.resolve import normaliser, resolve
from randteach.jobs.study import COLUMNS
from randteach.report.printed import NUMBERS, Numbers
from randteach.report.results import Results
from randteach.specs import Pixels

START = 1e-10  # the alpha of the paper's students that start at their teacher
NEAR = 1e-6  # its numbers are looked for at this most


def beside(results: Results, row: Mapping[str, Any]) -> Numbers | None:
    """The paper's numbers for a row of the summary whose setting is the paper's in all that decides them."""
    return _numbers(row) if _numbers(row) and not differences(results, row) else None


def _numbers(row: Mapping[str, Any]) -> Numbers | None:
    if row["alpha"] > NEAR:
        return None
    return NUMBERS.get((row["dataset"], row["probed_on"], row["arch"], row["measure"]))


def differences(results: Results, row: Mapping[str, Any], kind: str = "probe") -> dict[str, tuple[Any, Any]]:
    """Of all that decides a row's numbers, what is not as in the paper: (ours, the paper's) by name.

    `kind` is that of the job that makes them.
    """
    ours = _decides(_point(results.settings, row), kind)
    axes = parse(results.paper, ()).values
    first = {name: values[0] for name, values in axes.items()}
    networks = {"data.name": row["dataset"], "probe.data": row["probed_on"], "net.arch": row["arch"]}
    theirs = _decides(with_values(Config(), first | networks), kind)
    return {
        name: (ours.get(name), theirs.get(name))
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    }


def told(results: Results, rows: Iterable[Mapping[str, Any]]) -> str:
    """A line on where the paper has numbers, but for another setting; empty where there is no such row."""
    ours: dict[str, dict[str, None]] = {}
    theirs: dict[str, str] = {}
    for row in rows:
        for name, (here, there) in (differences(results, row) if _numbers(row) else {}).items():
            ours.setdefault(name, {})[text(here)] = None
            theirs[name] = text(there)
    if not ours:
        return ""
    apart = [f"{name}={', '.join(here)} ({theirs[name]})" for name, here in ours.items()]
    return f"The paper's numbers are for another setting (in brackets): {'; '.join(apart)}."


def text(value: Any) -> str:
    """A setting's value for people."""
    return label(value) or "none"


def _point(settings: Mapping[str, Any], row: Mapping[str, Any]) -> Config:
    """The point of a plan that a row of the summary belongs to."""
    values = {}
    for name, options in settings.items():
        cell = label(row.get(COLUMNS.get(name, name)))
        fits = [option for option in options if label(option) == cell]
        # A null has been resolved in the table, and so has what decides nothing of the row no cell.
        values[name] = fits[0] if fits else None if None in options else options[0]
    return with_values(Config(), values)


def _decides(config: Config, kind: str) -> dict[str, Any]:
    """What decides the numbers of a point's student, by setting; seeds only repeat it."""
    point = resolve(replace(config, seed=0, seeds=Seeds()))
    student = distill_job(point)
    return {
        **named("distill", canonical(student.spec)),
        **named("probe", canonical(probe_spec(point, Pixels()))),
        "distill.epochs": max(student.steps.values()),
        "probe.val_fraction": point.probe.val_fraction,
        "probe.normalise": "distilled" if normaliser(point) else "own",
        **_below(point, kind),
    }


def _below(point: Point, kind: str) -> dict[str, Any]:
    """What decides a ticket's numbers, or those of a line between children, beside their student's."""
    if kind not in ("train", "connect"):
        return {}
    start = drawn(point)
    training = named("train", canonical(train_job(point, start.network, start.labels).spec))
    own: dict[str, Any] = vars(point.tickets if kind == "train" else point.connect)
    section, names = ("tickets", ("fraction", "scope", "momentum"))
    if kind == "connect":
        section, names = ("connect", ("points", "train_size", "test_size"))
    return {**training, **{f"{section}.{name}": own[name] for name in names}}
