"""All exceptions that are raised on purpose.

UserError         a mistake that the user can mend: one message, no traceback, exit code 2
  DataError       about data
  Unreadable      a plan that is damaged, or a newer version's
LoaderError       a reader's own failure
Misread           a text that is no value of its setting
ArtifactError     an artifact that must not be used
  Damaged         missing, truncated or altered
  Unknown         of a kind or revision that this version does not know
JobError          how a job ends without its results
  Stopped         it was asked to end, and has kept its state
  Postponed       a parent has to be made again first
  NoResult        its stage returned without a result that it owes
NotConverged      a fit took all its steps
"""

from loaders.errors import DataError, LoaderError, UserError
from randteach.identity.artifact import Artifact

__all__ = [
    "ArtifactError",
    "Damaged",
    "DataError",
    "JobError",
    "LoaderError",
    "Misread",
    "NoResult",
    "NotConverged",
    "Postponed",
    "Stopped",
    "Unknown",
    "Unreadable",
    "UserError",
]


class Unreadable(UserError):
    """A plan that is damaged, or `newer` than this version."""

    def __init__(self, what: str, newer: bool = False) -> None:
        super().__init__(what)
        self.newer = newer


class Misread(ValueError):
    """A text that is no value of its setting: what is wrong, or what may have been meant; may be empty."""


class ArtifactError(Exception):
    """An artifact that must not be used."""

    def __init__(self, artifact: Artifact, what: str) -> None:
        super().__init__(what)
        self.artifact = artifact


class Damaged(ArtifactError):
    """A file of an artifact is missing, truncated or altered.

    `commit` is the text of its commit where that could be read.
    """

    def __init__(self, artifact: Artifact, attempt: str, what: str, commit: bytes | None = None) -> None:
        super().__init__(artifact, what)
        self.attempt, self.commit = attempt, commit


class Unknown(ArtifactError):
    """An artifact of a kind or revision that this version does not know; it is left alone."""

    def __init__(self, artifact: Artifact, what: str) -> None:
        text = f"{artifact.kind} {artifact.name}: {what} that this version doesn't know; update it"
        super().__init__(artifact, text)


class JobError(Exception):
    """How a job ends without its results."""


class Stopped(JobError):
    """The job was asked to end, and has kept the state that it goes on from."""


class Postponed(JobError):
    """A parent's artifact was damaged or is gone: it has to be made again first."""


class NoResult(JobError):
    """A stage has returned without a result that it owes."""


class NotConverged(Exception):
    """A fit took all its steps, or its inputs are not finite."""
