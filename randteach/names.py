"""The forms of all names that a store, an export, a bucket or a depot gives.

A name that was read is checked here before it becomes a part of a path. What is not of its form is foreign,
or damage, and is never looked up.
"""

import errno
import re

PREFIX = "[0-9a-f]{2}"
KEY = "[0-9a-f]{24}"
STEP = "(?:0|[1-9][0-9]{0,17})"
ARTIFACT = f"{KEY}(?:@{STEP})?"
KIND = "[a-z][a-z0-9_]{0,39}"
TOKEN = "[0-9a-f]{12}"  # of a session
CODE = "[0-9a-f]{12}"  # a digest of it
ATTEMPT = f"(?:{TOKEN}-)?[0-9a-f]{{8,32}}"
WORK = f"(?:{TOKEN})?-[0-9a-f]{{8,20}}"  # an unfinished attempt's folder
FILE = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"  # of an artifact
PLAN = "[0-9a-f]{16}"
SHA256 = "[0-9a-f]{64}"
LONGEST = 255  # bytes of a name, on all usual disks


def fits(form: str, name: object) -> bool:
    """Whether something is a name of that form."""
    return isinstance(name, str) and re.fullmatch(form, name) is not None


def is_study(name: object) -> bool:
    """Whether something can be a study's name: letters, digits and . _ -, in any script."""
    return fits(r"\w[\w.-]*", name) and len(str(name).encode()) <= LONGEST


def parts(name: str) -> list[str]:
    """The parts of a name in a storage; OSError where it could lead elsewhere."""
    found = name.split("/")
    for part in found:
        if part in ("", ".", "..") or not part.isprintable() or len(part.encode(errors="replace")) > LONGEST:
            raise OSError(errno.EINVAL, "is no name in a store", name)
    return found
