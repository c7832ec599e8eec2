"""A claim of the paper: what is compared with what, and the rule of its verdict."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from randteach.config.presets import Value
from randteach.report import paper, printed
from randteach.report.rows import Row
from randteach.report.sides import Sides
from randteach.report.verdicts import Rule

MEASURES = ("linear", "linear_std", "knn", "logistic")
STARTED: Mapping[str, Value] = {"alpha": paper.START}


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, and what decides on it: the differences of each arm, and the rule.

    `arms` are judged one by one; `sides` gives an arm's rows out of those of one setting, and `compared`
    names the sides. `setting` is what the paper's experiment has beside its usual setting, `varies` are the
    settings whose values the claim itself compares, and `known` are the data and networks that the paper has.
    """

    name: str
    sentence: str
    where: str
    sweeps: tuple[str, ...]  # that test it; the first is the one to run
    rule: Rule
    sides: Callable[[Sequence[Row], str], Sides]
    compared: tuple[str, str]  # the second is taken from the first; empty for numbers alone
    numbers: str = "Test accuracy in %, student at its last epoch; differences in points."
    kind: str = "probe"  # of the jobs that give the numbers
    arms: tuple[str, ...] = MEASURES
    setting: Mapping[str, Value] = field(default_factory=lambda: STARTED)
    varies: tuple[str, ...] = ()
    form: str = ".1f"  # of its numbers
    known: Collection[printed.Key] = tuple(printed.OWN)
    paper: Mapping[str, str] = field(default_factory=dict)  # its numbers, by arm

    def said(self, arm: str) -> str:
        """What the paper says of an arm."""
        return self.paper.get(arm, "not measured")
