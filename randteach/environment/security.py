"""What keeps strangers out of Ray, checked before it starts.

Ray binds its ports on all interfaces, also for a cluster of one machine; whoever reaches them can run
anything. The token, a secret in a file of the user's own, is what turns them away. `docs/security.md`.
"""

import os
import secrets
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from packaging.version import Version

from randteach.environment import disk, paths
from randteach.errors import UserError

FLOORS = {  # versions before these have holes that are known to be used
    "ray": "2.52",  # CVE-2025-62593; and no token before it, CVE-2023-48022
    "mlflow": "3.5",  # CVE-2025-14279: its server does as any web page tells it
    "torch": "2.6",  # CVE-2025-32434: torch.load runs code, also with weights_only
}
PRIVATE = 0o600


def check() -> None:
    """UserError where a version is too old, or where Ray is to run without authentication."""
    check_versions()
    mode = os.environ.setdefault("RAY_AUTH_MODE", "token")
    if mode.lower() != "token":
        raise UserError(
            f"RAY_AUTH_MODE={mode}: Ray would listen on all interfaces without authentication; unset it, "
            "or run without Ray: --local"
        )


def check_versions() -> None:
    """UserError where a version has holes that are known to be used."""
    for name, floor in FLOORS.items():
        if Version(version(name)) < Version(floor):
            raise UserError(
                f"{name} {version(name)}: has known holes; {floor} or newer is needed: run `make setup`"
            )


def token_file() -> Path:
    """Where Ray looks for the token."""
    given = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(given) if given else paths.home() / ".ray" / "auth_token"


def ensure_token() -> Path:
    """The token's file, made where there is none, and readable by its owner alone.

    Raises UserError where it can't be made so. Ray itself, before 2.60.1, makes one that all can read.
    """
    path = token_file()
    if os.environ.get("RAY_AUTH_TOKEN"):
        return path
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            whole = disk.beside(path)  # private from its first moment, unlike `disk.create`'s
            try:
                handle = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
                with open(handle, "w") as file:
                    file.write(secrets.token_hex(32))
                with suppress(FileExistsError):  # another process has just made one
                    os.link(whole, path)
            finally:
                whole.unlink(missing_ok=True)
        path.chmod(PRIVATE)
    except OSError as error:
        raise UserError(f"{path}: the token for Ray can't be kept there ({error.strerror})") from None
    check_token()
    return path


def check_token() -> None:
    """UserError where the token's file is missing or empty, or where others can read it."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return  # given from outside; Ray prefers it
    path = token_file()
    try:
        empty, mode = not path.read_text().strip(), path.stat().st_mode & 0o777
    except OSError as error:
        raise UserError(f"{path}: no token for Ray ({error.strerror}); `randteach token` makes one") from None
    if empty:
        raise UserError(f"{path}: is empty; delete it, and `randteach token` makes a new one")
    if mode & ~PRIVATE:
        raise UserError(f"{path}: others can read the token (mode {mode:o}); run: chmod 600 {path}")
