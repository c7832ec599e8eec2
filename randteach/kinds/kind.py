"""The declaration of a kind of job: all that the rest of the software needs to know about it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from randteach.config.schema import settings
from randteach.specs.origins import settings_of

if TYPE_CHECKING:
    from randteach.kinds.cost import Cost
    from randteach.kinds.inputs import Inputs
    from randteach.stages.recorder import Recorder

S = TypeVar("S")
Labels = Mapping[str, Any]
Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Number:
    """A measure that a kind gives: a column of its rows.

    `modes` says in which modes of norm layers it is given, from a setting's value by name; `learnt`: not
    before the first step.
    """

    name: str
    unit: str
    title: str = ""  # of its panel in a figure; the name where it is empty
    splits: tuple[str | None, ...] = (None,)  # "val" only where samples are held out
    learnt: bool = False
    modes: Callable[[Callable[[str], Any]], tuple[str | None, ...]] = lambda value: (None,)


@dataclass(frozen=True)
class Curve:
    """Points of a curve in MLflow: rows, the step of those without one, and what the curve is called."""

    rows: Rows
    step: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind(Generic[S]):
    """A kind of job.

    `stage` makes a job's results from its spec: it opens what it needs by `Inputs`, and hands rows and
    results to the recorder. `revised` says why the kind was raised to its second revision, its third, and
    so on; every older result of the kind is then another result.
    """

    name: str
    spec: type[S]
    stage: "Callable[[S, Inputs, Recorder], None]"
    numbers: "tuple[Number, ...] | Callable[[S | None], tuple[Number, ...]]"  # of a spec, or all (None)
    # Of its jobs, before "of teacher seed 0", by their spec or for all; the kind's name where it is empty.
    title: "str | Callable[[S | None], str]" = ""
    revised: tuple[str, ...] = ()
    resources: str = ""  # the section of `resources.*` that its jobs are given; one CPU where it is empty
    gpu: bool = False  # whether its jobs take a GPU where there is one
    of_features: bool = False  # whether its numbers judge features, as the probes do
    has_run: bool = False  # whether what hangs below its jobs is shown below their runs in MLflow
    cost: "Callable[[S], Cost] | None" = None  # of jobs that train or hold weights
    every_step: bool = False  # whether its numbers are planned at each snapshot, or at the last one alone
    curve: Callable[[Labels, Rows, bool], Curve | None] = field(default=lambda labels, rows, hangs: None)

    @property
    def wrong(self) -> str:
        """Say why the declaration can't be right; empty if it can."""
        sections = sorted(name.split(".")[1] for name in settings() if name.endswith(".cpus"))
        if self.resources in ("", *sections):
            return ""
        return f"resources={self.resources}: allowed are {', '.join(sections)}"

    def called(self, spec: S | None = None) -> str:
        """What a job with this spec is called, or what jobs of the kind are called."""
        return (self.title(spec) if callable(self.title) else self.title) or self.name

    def gives(self, spec: S | None = None) -> tuple[Number, ...]:
        """The numbers that a job with this spec gives, or all that the kind gives."""
        return self.numbers(spec) if callable(self.numbers) else self.numbers

    @property
    def revision(self) -> int:
        """1, and one more for each time that the kind's meaning has changed."""
        return len(self.revised) + 1

    @property
    def settings(self) -> dict[str, str]:
        """The settings that its spec's fields come from, by the field's dotted name."""
        return settings_of(self.spec)
