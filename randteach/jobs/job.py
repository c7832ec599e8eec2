"""Jobs, and what a plan records of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from randteach import identity, kinds
from randteach.config.labels import label
from randteach.config.schema import Slot, settings
from randteach.identity import plain
from randteach.identity.artifact import Artifact
from randteach.jobs.about import About

# Labels that a title shows, and behind which words.
SHOWN = {
    "arch": "",
    "width": "width ",
    "dataset": "on ",
    "alpha": "alpha ",
    "seed": "seed ",
    "epoch": "epoch ",
    "at": "epoch ",
    "rewind": "rewound to ",
    "control": "",
    "round": "round ",
    "pair": "child ",
    "place": "row ",
    "probed_on": "probed on ",
}


@dataclass(frozen=True)
class Entry:
    """A job as a plan records it: enough for tables, figures and tracking, without its record."""

    kind: str
    key: str
    steps: Mapping[int, float]
    parents: tuple[Artifact, ...]
    labels: Mapping[str, Any]
    states: frozenset[int] = frozenset()
    about: About | None = None  # not in plans of older versions

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """What the store holds once the job is done, in order of steps, each state before its snapshot."""
        if not self.steps:
            return (Artifact(self.kind, self.key),)
        found: list[Artifact] = []
        for step in sorted(self.steps):
            kinds = ("state", self.kind) if step in self.states else (self.kind,)
            found += (Artifact(kind, self.key, step) for kind in kinds)
        return tuple(found)

    @property
    def title(self) -> str:
        """What the job is, for people: "student alpha 0.3 seed 1", "probe of teacher seed 0"."""
        named = {name: value for name, value in self.labels.items() if value not in (None, "")}
        role = {"input": "raw pixels", "random": "random weights"}.get(named["role"], named["role"])
        text = role if self.kind == "distill" else f"{self.called} of {role}"
        for name, word in SHOWN.items():
            if name in named and (name != "probed_on" or (self.of_features and role != "student")):
                text += f" {word}{label(named[name])}"
        swept = sorted(name for name in named if name in settings() and name not in SHOWN)
        text += "".join(f" {name}={label(named[name])}" for name in swept)
        return text

    @property
    def called(self) -> str:
        """What jobs of its kind are called."""
        return self.about.title if self.about else kinds.title(self.kind)

    @property
    def of_features(self) -> bool:
        """Whether its numbers judge features."""
        return self.about.of_features if self.about else kinds.of_features(self.kind)

    def as_json(self) -> dict[str, Any]:
        """Plain data for a recorded plan."""
        parents = [[p.kind, p.key, p.step] for p in self.parents]
        steps = [[step, epoch] for step, epoch in sorted(self.steps.items())]
        labels = dict(self.labels)
        return {
            "kind": self.kind,
            "key": self.key,
            "steps": steps,
            "parents": parents,
            "labels": labels,
            **({"states": sorted(self.states)} if self.states else {}),
            **({"about": self.about.as_json()} if self.about else {}),
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> "Entry":
        """The entry that `as_json` wrote; KeyError, TypeError or ValueError for what it never writes."""
        parents = tuple(Artifact(*item) for item in content["parents"])
        steps = dict(content["steps"])
        states, labels = frozenset(content.get("states", ())), content["labels"]
        about = About.from_json(content["about"]) if "about" in content else None
        entry = Entry(content["kind"], content["key"], steps, parents, labels, states, about)
        for step in {None, *steps, *states}:
            Artifact(entry.kind, entry.key, step)
        plain_labels = all(value is None or isinstance(value, _LABEL) for value in labels.values())
        if not (
            plain_labels and isinstance(labels["role"], str) and all(map(plain.is_number, steps.values()))
        ):
            raise ValueError(f"{entry.kind} {entry.key}: is no job of a plan")
        return entry


_LABEL = str | int | float


@dataclass(frozen=True)
class Job:
    """A job: a kind, its spec, the steps wanted of a trajectory, and its parents.

    At the steps in `states` the job also keeps what a training goes on with, a student's head included.
    """

    kind: str
    spec: Any  # a record of its kind's
    steps: Mapping[int, float] = field(default_factory=dict)  # step -> epoch
    parents: tuple[Artifact, ...] = ()
    rank: tuple[int, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    states: frozenset[int] = frozenset()
    about: About | None = None
    slot: Slot = field(
        default_factory=Slot
    )  # what it is given; a study gives it what its kind's section says

    @cached_property
    def key(self) -> str:
        """The job's key."""
        return identity.key(self.kind, kinds.KINDS.find(self.kind).revision, self.spec)

    def placed(self, **changes: Any) -> "Job":
        """The same job, its key included, with other steps, rank, labels or what is told of it."""
        copy = replace(self, **changes)
        vars(copy)["key"] = self.key
        return copy

    @cached_property
    def entry(self) -> Entry:
        """The job without its record."""
        return Entry(self.kind, self.key, self.steps, self.parents, self.labels, self.states, self.about)

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """What the store holds once the job is done, in order of steps."""
        return self.entry.artifacts
