"""The forms of all names that are read from a store, an export, a bucket or a data cache.

A name that was read is checked here before it becomes a part of a path. What is not of its form is foreign,
or damage, and is never looked up.
"""

import errno
import re
import unicodedata
from collections.abc import Iterable

PREFIX = "[0-9a-f]{2}"
KEY = "[0-9a-f]{24}"
STEP = "(?:0|[1-9][0-9]{0,17})"
ARTIFACT = f"{KEY}(?:@{STEP})?"
OUTSIDE = r"[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}"  # of what a file outside the package declares
KIND = r"[a-z][a-z0-9_]{0,39}(?:\.[a-z][a-z0-9_]{0,39})?"
TOKEN = "[0-9a-f]{12}"  # of a session
CODE = "[0-9a-f]{12}"  # a digest of it
ATTEMPT = f"(?:{TOKEN}-)?[0-9a-f]{{8,32}}"
WORK = f"(?:{TOKEN})?-[0-9a-f]{{8,20}}"  # an unfinished attempt's folder
FILE = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"  # of an artifact
PLAN = "[0-9a-f]{16}"
SHA256 = "[0-9a-f]{64}"
LONGEST = 255  # bytes of a name, on all usual disks
STUDY = 100  # bytes of a new study's name
TAKEN = ("default", "store", "data", "mlflow-artifacts")  # MLflow's own experiment, and what lies in OUT
DATABASE = "mlflow.db"  # and what sqlite puts beside it


def fits(form: str, name: object) -> bool:
    """Whether something is a name of that form."""
    return isinstance(name, str) and re.fullmatch(form, name) is not None


def is_study(name: object) -> bool:
    """Whether something can be a study's name: letters, digits and . _ -, in any script."""
    return fits(r"\w[\w.-]*", name) and len(str(name).encode()) <= LONGEST


def why_no_study(name: str, others: Iterable[str]) -> str:
    """Why a name can't be a new study's; nothing where it can.

    `others` are the names of studies and folders that are there: some disks take Main and main for one.
    """
    if not is_study(name) or len(name.encode()) > STUDY:
        return f"it names a folder; letters, digits and . _ - are allowed, {STUDY} bytes at most"
    if _folded(name) in TAKEN or _folded(name).startswith(DATABASE):
        return "is the name of something else in OUT or MLflow"
    same = sorted(other for other in others if _folded(other) == _folded(name))
    return f"there is {same[0]!r}, which some disks take for the same" if same and name not in same else ""


def _folded(name: str) -> str:
    """A name as disks see it that ignore case, or how a letter is composed."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def parts(name: str) -> list[str]:
    """The parts of a name in a storage; OSError where it could lead elsewhere."""
    found = name.split("/")
    for part in found:
        if part in ("", ".", "..") or not part.isprintable() or len(part.encode(errors="replace")) > LONGEST:
            raise OSError(errno.EINVAL, "is no name in a store", name)
    return found


def session_of(attempt: str) -> str:
    """The session that an attempt belongs to; nothing for one outside any."""
    return attempt.rpartition("-")[0]
