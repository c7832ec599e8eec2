"""Measures of frozen features, by name: those that stand beside the paper's probes, and anybody's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from loaders.catalogue import Catalogue
from randteach.errors import UserError
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
    title: str = ""
    unit: str = "%"
    revision: int = 1

    def __post_init__(self) -> None:
        """Refuse parameters under another name."""
        if self.parameters is not None and getattr(self.parameters, "tag", None) != self.name:
            raise UserError(f"measure {self.name}: its parameters need tag: ClassVar[str] = {self.name!r}")

    @property
    def record(self) -> Any:
        """What a key holds of it."""
        return Bare(self.name) if self.parameters is None else self.parameters


MEASURES: Catalogue[Measure] = Catalogue(
    "measure", [Measure("logistic", logistic, Logistic(), "logistic regression, converged")]
)
