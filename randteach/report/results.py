"""A study's results, and its reports of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from randteach.config.presets import Preset
from randteach.jobs.study import Study
from randteach.report.grid import Grid
from randteach.report.rows import Row, records


@dataclass(frozen=True)
class Results:
    """A study's tidy table, with what was planned."""

    table: pd.DataFrame
    settings: Mapping[str, Sequence[Any]]  # all values of the plan, by name
    paper: Preset  # the study's preset of the paper's setting

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of the table."""
        return records(self.table)


def results_of(study: Study, table: pd.DataFrame, settings: Mapping[str, Sequence[Any]]) -> Results:
    """The results of a study's plan; `settings` are the plan's."""
    return Results(table, settings, study.presets.get("paper", {}))


def draw(study: Study, results: Results, folder: Path) -> None:
    """Draw all that a plan's table has numbers for: figure.png, then NAME.png of each further report."""
    for number, report in enumerate(study.reports):
        report.draw(results, folder, report.name if number else "figure")


def show(study: Study, results: Results) -> list[Grid]:
    """The same as tables for the terminal."""
    return [shown for report in study.reports for shown in report.show(results)]
