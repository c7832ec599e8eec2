"""Verdicts on claims, from paired differences: the rules, and what they say of some numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from randteach.config.labels import label
from randteach.report.statistics import equivalence, interval

SEEN, CONTRADICTED, UNDECIDED, NOT_RUN = "seen", "contradicted", "undecided", "not run"
VERDICTS = (SEEN, CONTRADICTED, UNDECIDED, NOT_RUN)
FEWEST = 3  # teachers that a verdict takes


@dataclass(frozen=True)
class Greater:
    """The difference is greater than some points: the 95 % interval lies wholly above them."""

    than: float = 0.0
    level: float = 0.95

    def verdict(self, values: Sequence[float]) -> str:
        """The verdict on differences, one of each teacher."""
        low, high = interval(values, self.level)
        return _verdict(values, low > self.than, high < self.than)

    @property
    def told(self) -> str:
        """The rule in words."""
        than = f"{label(self.than)} point{'' if self.than == 1 else 's'}" if self.than else "0"
        return (
            f"Seen: the {100 * self.level:.0f} % interval lies wholly above {than}. "
            "Contradicted: wholly below."
        )

    def beside(self, values: Sequence[float]) -> str:
        """What is to be said beside the interval."""
        return ""


@dataclass(frozen=True)
class Alike:
    """There is no difference beyond a margin: the 90 % interval lies within it (TOST at 5 %)."""

    margin: float
    level: float = 0.90

    def verdict(self, values: Sequence[float]) -> str:
        """The verdict on differences, one of each teacher."""
        low, high = interval(values, self.level)
        within = -self.margin < low and high < self.margin
        return _verdict(values, within, low > self.margin or high < -self.margin)

    @property
    def told(self) -> str:
        """The rule in words."""
        return (
            f"Seen: the {100 * self.level:.0f} % interval lies within ±{label(self.margin)} points "
            "(equivalence, TOST). Contradicted: wholly outside."
        )

    def beside(self, values: Sequence[float]) -> str:
        """The p of the equivalence test."""
        p = equivalence(values, self.margin)
        return "" if p != p else "TOST p < 0.001" if p < 0.001 else f"TOST p = {p:.3f}"


Rule = Greater | Alike


def _verdict(values: Sequence[float], seen: bool, contradicted: bool) -> str:
    if not values:
        return NOT_RUN
    if len(values) < FEWEST:
        return UNDECIDED
    return SEEN if seen else CONTRADICTED if contradicted else UNDECIDED
