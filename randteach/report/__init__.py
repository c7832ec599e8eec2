"""Tables, summaries and figures, all from the store: the reports that come with the package."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from randteach.jobs.study import Report


def _report(name: str, figure: str = "") -> Report:
    """The report of a module here, imported when first used: a plan need not wait for matplotlib.

    `figure` names its files, where that is not the module's name.
    """

    def draw(results: Any, folder: Path, file: str) -> None:
        importlib.import_module(f"{__name__}.{name}").draw(results, folder, file)

    def show(results: Any) -> Sequence[Any]:
        tables: Sequence[Any] = importlib.import_module(f"{__name__}.{name}").show(results)
        return tables

    return Report(figure or name, draw, show)


ARMS = _report("arms")
CONNECT = _report("connect", "connectivity")
INIT_DISTANCE = _report("init_distance")
PLANE = _report("plane", "landscape")
RESTART = _report("restart")
TICKETS = _report("tickets")
