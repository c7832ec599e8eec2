"""Addresses of artifacts."""

from dataclasses import dataclass

from randteach.identity import names, plain


@dataclass(frozen=True)
class Artifact:
    """An address in the store: the result of a job, or a trajectory's state at a step.

    Raises ValueError for what is none: it becomes a path.
    """

    kind: str
    key: str
    step: int | None = None

    def __post_init__(self) -> None:
        if not (names.fits(names.KIND, self.kind) and names.fits(names.KEY, self.key)):
            raise ValueError(f"{self.kind!r} {self.key!r} is no artifact")
        if self.step is not None and not (plain.is_count(self.step) and self.step < 10**18):
            raise ValueError(f"{self.step!r} is no step")

    @property
    def name(self) -> str:
        """KEY, or KEY@STEP."""
        return self.key if self.step is None else f"{self.key}@{self.step}"

    @staticmethod
    def named(kind: str, name: str) -> "Artifact":
        """The artifact of that name; ValueError where it has another form."""
        if not names.fits(names.ARTIFACT, name):
            raise ValueError(f"{name!r} names no artifact")
        key, _, step = name.partition("@")
        return Artifact(kind, key, int(step) if step else None)
