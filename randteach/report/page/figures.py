"""The figures and tables of a stored study: of those reports of the package that it has numbers for."""

import base64
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from randteach import report
from randteach.jobs.study import Report
from randteach.kinds import of_features
from randteach.report.grid import Grid
from randteach.report.stored import Stored


@dataclass(frozen=True)
class Figure:
    """A figure as a page holds it."""

    name: str
    caption: str
    data: str  # a PNG in base64


@dataclass(frozen=True)
class Shown:
    """A study's figures and tables, and what of them failed."""

    figures: list[Figure]
    tables: list[Grid]
    failures: list[str]


def shown(study: Stored) -> Shown:
    """Draw all that the study has numbers for."""
    found = Shown([], [], [])
    for one in _reports(study):
        # Results of other versions may be anything: one report must not cost the page all others.
        try:
            found.figures.extend(_figures(one, study))
            found.tables.extend(one.show(study.results))
        except Exception as error:
            found.failures.append(f"{one.name}: {type(error).__name__}: {str(error)[:200]}")
    return found


def _reports(study: Stored) -> list[Report]:
    """Those that the study's file names; where an older version wrote the plan, those that fit its rows."""
    if study.reports:
        return [found for name in study.reports if (found := report.named(name))]
    students = [row for row in study.results.rows if of_features(row["kind"]) and row["role"] == "student"]
    first = "restart" if any("round" in row for row in students) else "init_distance"
    names = [*([first] if students else []), "tickets", "connectivity", "landscape"]
    return [report.REPORTS[name] for name in names]


def _figures(one: Report, study: Stored) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / study.name  # figures of the preset smoke know by it that they are
        folder.mkdir()
        one.draw(study.results, folder, "figure")
        for path in folder.glob("*.png"):
            data = base64.b64encode(path.read_bytes()).decode()
            yield Figure(one.name, one.caption, data)
