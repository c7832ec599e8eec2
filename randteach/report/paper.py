"""The paper's numbers (test accuracy in %), to stand beside ours where the setting is the paper's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from randteach.config.labels import label
from randteach.config.overrides import parse, with_values
from randteach.config.schema import Config, Seeds
from randteach.identity import canonical
from randteach.jobs.build import distill_job, probe_spec
from randteach.jobs.fields import named
from randteach.jobs.resolve import resolve
from randteach.jobs.study import COLUMNS
from randteach.report.results import Results
from randteach.specs import Pixels

NEAR = 1e-6  # the paper's students start at alpha 1e-10; its numbers are looked for at this most


@dataclass(frozen=True)
class Numbers:
    """Accuracy of teacher, student and raw pixels."""

    teacher: float
    student: float
    input: float


# Tables 1 and 3: distilled and probed on the same set.
NUMBERS = {
    ("cifar10", "resnet18", "linear"): Numbers(35.50, 46.02, 39.02),
    ("cifar10", "vgg11", "linear"): Numbers(36.55, 51.98, 39.02),
    ("cifar100", "resnet18", "linear"): Numbers(11.58, 21.50, 14.07),
    ("cifar100", "vgg11", "linear"): Numbers(12.05, 26.62, 14.07),
    ("cifar10", "resnet18", "knn"): Numbers(37.65, 44.67, 33.61),
    ("cifar10", "vgg11", "knn"): Numbers(44.92, 51.32, 33.61),
    ("cifar100", "resnet18", "knn"): Numbers(13.77, 20.22, 14.87),
    ("cifar100", "vgg11", "knn"): Numbers(18.10, 23.53, 14.87),
}


def beside(results: Results, row: Mapping[str, Any]) -> Numbers | None:
    """The paper's numbers for a row of the summary whose setting is the paper's in all that decides them."""
    return _numbers(row) if _numbers(row) and not differences(results, row) else None


def _numbers(row: Mapping[str, Any]) -> Numbers | None:
    if row["dataset"] != row["probed_on"] or row["alpha"] > NEAR:
        return None
    return NUMBERS.get((row["dataset"], row["arch"], row["measure"]))


def differences(results: Results, row: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Of all that decides a row's numbers, what is not as in the paper: (ours, the paper's) by name."""
    ours = _decides(_point(results.settings, row))
    axes = parse(results.paper, ()).values
    first = {name: values[0] for name, values in axes.items()}
    theirs = _decides(with_values(Config(), first | {"data.name": row["dataset"], "net.arch": row["arch"]}))
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
            ours.setdefault(name, {})[_text(here)] = None
            theirs[name] = _text(there)
    if not ours:
        return ""
    apart = [f"{name}={', '.join(here)} ({theirs[name]})" for name, here in ours.items()]
    return f"The paper's numbers are for another setting (in brackets): {'; '.join(apart)}."


def _text(value: Any) -> str:
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


def _decides(config: Config) -> dict[str, Any]:
    """What decides the numbers of a point's student, by setting; seeds only repeat it."""
    point = resolve(replace(config, seed=0, seeds=Seeds()))
    student = distill_job(point)
    return {
        **named("distill", canonical(student.spec)),
        **named("probe", canonical(probe_spec(point, Pixels()))),
        "distill.epochs": max(student.steps.values()),
        "probe.val_fraction": point.probe.val_fraction,
    }
