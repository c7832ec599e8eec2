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
from randteach.report.rows import Row
from randteach.report.stored import Stored

CAPTIONS = {
    "init_distance": "Test accuracy against init distance, at the last epoch and along training.",
    "restart": "Test accuracy round after round; each student is the next one's teacher.",
    "tickets": "Test accuracy against the share of weights kept, tickets and controls.",
    "connectivity": "Test error along lines between children of one checkpoint, and the barriers.",
    "landscape": "Loss and features on the plane through the teacher and two of its students.",
}


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
    for one in _reports(study.results.rows):
        # Results of other versions may be anything: one report must not cost the page all others.
        try:
            found.figures.extend(_figures(one, study))
            found.tables.extend(one.show(study.results))
        except Exception as error:
            found.failures.append(f"{one.name}: {type(error).__name__}: {str(error)[:200]}")
    return found


def _reports(rows: list[Row]) -> Iterator[Report]:
    features = [row for row in rows if of_features(row["kind"]) and row["role"] == "student"]
    if features:
        yield report.RESTART if any("round" in row for row in features) else report.INIT_DISTANCE
    yield from (report.TICKETS, report.CONNECT, report.PLANE)


def _figures(one: Report, study: Stored) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        one.draw(study.results, Path(folder), "figure")
        for path in Path(folder).glob("*.png"):
            data = base64.b64encode(path.read_bytes()).decode()
            yield Figure(one.name, CAPTIONS.get(one.name, ""), data)
