"""Measures of frozen features, by name: those that stand beside the paper's probes, and anybody's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loaders.catalogue import Catalogue
from randteach.specs import Bare, Logistic
from randteach.stages.embed import Features
from randteach.stages.logistic import logistic

Function = Callable[[Any, Features, Callable[[], None]], Mapping[str, float]]


@dataclass(frozen=True)
class Measure:
    """A measure of features: a name, and a function of (parameters, features, pause) to a number by split.

    Features are those of "train", "test" and, where samples are held out, "val"; a number is due for all but
    "train". The function calls `pause` now and then, which ends the job where the sweep is stopped. It raises
    NotConverged where there is no number. `parameters` is a frozen record whose tag is the measure's name.
    Keys hold it, and the `revision`, which is raised where the same parameters give other numbers.
    """

    name: str
    function: Function
    parameters: Any = None
    title: str = ""  # of its panel in a figure
    job: str = ""  # what its jobs are called; the title where it is empty
    unit: str = "%"
    revision: int = 1

    @property
    def wrong(self) -> str:
        """Say why the declaration can't be right; empty if it can."""
        if self.parameters is None or getattr(self.parameters, "tag", None) == self.name:
            return ""
        return f"its parameters need tag: ClassVar[str] = {self.name!r}"

    @property
    def called(self) -> str:
        """What its jobs are called."""
        return self.job or self.title or self.name

    @property
    def record(self) -> Any:
        """What a key holds of it."""
        return Bare(self.name) if self.parameters is None else self.parameters


MEASURES: Catalogue[Measure] = Catalogue(
    "measure",
    [Measure("logistic", logistic, Logistic(), "logistic regression, converged", "converged probe")],
)
