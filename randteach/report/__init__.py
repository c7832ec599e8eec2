"""Tables, summaries and figures, all from the store: the reports that come with the package."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from randteach.jobs.study import Report


def _report(module: str, figure: str, caption: str, *more: Any) -> Report:
    """The report of a module here, imported when first used: a plan need not wait for matplotlib."""

    def draw(results: Any, folder: Path, file: str) -> None:
        importlib.import_module(f"{__name__}.{module}").draw(results, folder, file, *more)

    def show(results: Any) -> Sequence[Any]:
        tables: Sequence[Any] = importlib.import_module(f"{__name__}.{module}").show(results)
        return tables

    return Report(figure, draw, show, caption)


ALONG = "along_"
ARMS = _report("arms", "arms", "Students beside their teachers, an arm a line.")
CONNECT = _report(
    "connect",
    "connectivity",
    "Test error along lines between children of one checkpoint, and the barriers.",
)
INIT_DISTANCE = _report(
    "init_distance",
    "init_distance",
    "Test accuracy against init distance, at the last epoch and along training.",
)
OPTIMISATION = _report(
    "optimisation",
    "optimisation",
    "KL from the teacher and distance from the start along training, and at its end against init distance.",
)
PLANE = _report(
    "plane", "landscape", "Loss and features on the plane through the teacher and two of its students."
)
PRECISION = _report(
    "precision", "precision", "Students in other precisions less those in float32, and the margin of a point."
)
RESTART = _report(
    "restart", "restart", "Test accuracy round after round; each student is the next one's teacher."
)
TICKETS = _report(
    "tickets", "tickets", "Test accuracy against the share of weights kept, tickets and controls."
)
REPORTS = {
    one.name: one for one in (ARMS, CONNECT, INIT_DISTANCE, OPTIMISATION, PLANE, PRECISION, RESTART, TICKETS)
}


def along(setting: str) -> Report:
    """Accuracy along a setting's values, or along "epoch", a line for each value of all other settings."""
    return _report("curves", ALONG + setting, f"Test accuracy along {setting}, an arm a line.", setting)


def named(name: str) -> Report | None:
    """A report of the package by its name; None where it has none of this name."""
    return along(name.removeprefix(ALONG)) if name.startswith(ALONG) else REPORTS.get(name)
