"""What reports draw and tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from randteach.report.rows import Row, records


@dataclass(frozen=True)
class Results:
    """A study's tidy table, with what was planned."""

    table: pd.DataFrame
    settings: Mapping[str, Sequence[Any]]  # all values of the plan, by name
    paper: Mapping[str, str]  # the study's preset of the paper's setting

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of the table."""
        return records(self.table)
