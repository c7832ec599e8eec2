"""What a job is: the records that stages take and keys are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

from randteach import identity
from randteach.config import Distill, Head, Net, Slot


@dataclass(frozen=True)
class Samples:
    """Inputs of one data set, as the network sees them: uint8 (channels, size, size), or noise."""

    name: str
    checksum: str
    channels: int
    size: int
    count: int
    holdout: int = 0
    sigma: float | None = None


@dataclass(frozen=True)
class Draw:
    """A network drawn at random: weights are a function of (role, seed, net) alone."""

    tag: ClassVar[str] = "draw"
    role: str
    seed: int
    net: Net
    channels: int
    norm: str = "identity"
    calibrated_on: Samples | None = None


@dataclass(frozen=True)
class Snapshot:
    """A student at a step of its trajectory."""

    tag: ClassVar[str] = "snapshot"
    key: str
    step: int
    net: Net = field(metadata={"key": False})
    channels: int = field(metadata={"key": False})


@dataclass(frozen=True)
class Pixels:
    """No network: the normalised inputs themselves."""

    tag: ClassVar[str] = "pixels"


Reference = Draw | Snapshot | Pixels


@dataclass(frozen=True)
class DistillSpec:
    """A trajectory: a student on its way from theta_S(alpha), without its length."""

    samples: Samples
    augment: str
    teacher: Draw
    head: Head
    alpha: float
    variance_preserving: bool
    distill: Distill
    seed_student: int
    seed_order: int
    seed_augment: int | None


@dataclass(frozen=True)
class ProbeSpec:
    """A probe of one reference on one labelled set; `samples.holdout` are the validation samples."""

    reference: Reference
    samples: Samples
    test_count: int
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    neighbours: int
    seed: int


@dataclass(frozen=True)
class Artifact:
    """An address in the store: the result of a job, or a trajectory's state at a step."""

    kind: str
    key: str
    step: int | None = None

    @property
    def name(self) -> str:
        """KEY, or KEY@STEP."""
        return self.key if self.step is None else f"{self.key}@{self.step}"

    @staticmethod
    def named(kind: str, name: str) -> "Artifact":
        """The artifact of that name."""
        key, _, step = name.partition("@")
        return Artifact(kind, key, int(step) if step else None)


@dataclass(frozen=True)
class Entry:
    """A job as a plan records it: enough for tables, figures and tracking, without its record."""

    kind: str
    key: str
    steps: Mapping[int, float]
    parents: tuple[Artifact, ...]
    labels: Mapping[str, Any]

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """What the store holds once the job is done, in order of steps."""
        if not self.steps:
            return (Artifact(self.kind, self.key),)
        return tuple(Artifact(self.kind, self.key, step) for step in sorted(self.steps))

    @property
    def title(self) -> str:
        """What the job is, for people: "student alpha 0.3 seed 1", "probe of teacher seed 0"."""
        named = {name: value for name, value in self.labels.items() if value is not None}
        alpha = named.get("alpha")
        if alpha is not None:
            named["alpha"] = 0 if 0 < alpha < 1e-6 else alpha
        role = {"input": "raw pixels"}.get(named["role"], named["role"])
        text = f"{role}" if self.kind == "distill" else f"{self.kind} of {role}"
        shown = ("arch", "dataset", "alpha", "seed", "epoch", "probed_on")
        words = {"arch": "", "dataset": "on ", "probed_on": "probed on "}
        for name in shown:
            if name in named and not (name == "probed_on" and role == "student"):
                text += f" {words.get(name, name + ' ')}{named[name]}"
        return text

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
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> "Entry":
        """The entry that `as_json` wrote."""
        parents = tuple(Artifact(*item) for item in content["parents"])
        steps = {int(step): epoch for step, epoch in content["steps"]}
        return Entry(content["kind"], content["key"], steps, parents, content["labels"])


@dataclass(frozen=True)
class Job:
    """Something to make: a kind, its record, the steps wanted of a trajectory, and its parents."""

    kind: str
    spec: DistillSpec | ProbeSpec
    steps: Mapping[int, float] = field(default_factory=dict)  # step -> epoch
    parents: tuple[Artifact, ...] = ()
    slot: Slot = field(default_factory=Slot)
    rank: tuple[int, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """The job's key."""
        return identity.key(self.kind, self.spec)

    def placed(self, **changes: Any) -> "Job":
        """The same job, its key included, with other steps, rank or labels."""
        copy = replace(self, **changes)
        vars(copy)["key"] = self.key
        return copy

    @cached_property
    def entry(self) -> Entry:
        """The job without its record."""
        return Entry(self.kind, self.key, self.steps, self.parents, self.labels)

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """What the store holds once the job is done, in order of steps."""
        return self.entry.artifacts
