"""What plans record of a job's kind and its numbers, so that readers need no declaration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from randteach.identity import plain
from randteach.kinds import Kind

LONGEST = 200  # characters of a text


@dataclass(frozen=True)
class Planned:
    """A number that a job gives: measure and unit, and where it has them its split and mode of norm layers.

    `learnt`: not before the first step.
    """

    measure: str
    unit: str
    split: str | None = None
    bn: str | None = None
    learnt: bool = False


@dataclass(frozen=True)
class About:
    """A kind's title and revision, whether its numbers judge features, and the numbers of some of its jobs.

    `every_step`: the numbers are given at each snapshot, or at the last one alone.
    """

    title: str
    revision: int
    of_features: bool
    every_step: bool
    numbers: tuple[Planned, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data for a recorded plan."""
        return {**vars(self), "numbers": [list(vars(number).values()) for number in self.numbers]}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> "About":
        """What `as_json` wrote; TypeError or ValueError for anything else."""
        numbers = tuple(Planned(*item) for item in content["numbers"])
        about = About(**{**content, "numbers": numbers})
        texts = [about.title, *(text for one in numbers for text in (one.measure, one.unit))]
        texts += [text for one in numbers for text in (one.split, one.bn) if text is not None]
        flags = [about.of_features, about.every_step, *(one.learnt for one in numbers)]
        if not (
            all(isinstance(text, str) and len(text) <= LONGEST for text in map(_any, texts))
            and all(isinstance(flag, bool) for flag in map(_any, flags))
            and plain.is_count(about.revision)
        ):
            raise ValueError("tells of no kind of job")
        return about


def about(kind: Kind[Any], spec: Any, value: Callable[[str], Any]) -> About:
    """Tell what is known of a job; `value` gives a setting's value by its name.

    Without a spec the numbers are all that the kind gives.
    """
    held_out = bool(value("probe.val_fraction"))
    numbers = tuple(
        Planned(number.name, number.unit, split, bn, number.learnt)
        for number in kind.gives(spec)
        for split, bn in product(number.splits, number.modes(value))
        if split != "val" or held_out
    )
    return _same(About(kind.called(spec), kind.revision, kind.of_features, kind.every_step, numbers))


def _any(value: Any) -> Any:
    """Forget a value's declared type, which has yet to be checked."""
    return value


@cache
def _same(one: About) -> About:
    """Share equal objects: plans have many jobs."""
    return one
