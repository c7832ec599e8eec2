"""Paths that a user types: made absolute as they come in, and shown short."""

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from randteach.errors import UserError


def absolute(typed: str | Path, setting: str) -> Path:
    """A typed path as it is meant in every folder and process; `~` is a home folder.

    Raises UserError, naming the setting, where there is no such home, or no such path can be.
    """
    text = str(typed)
    try:
        found = Path(text).expanduser().absolute()
        usable = "\0" not in str(found) and bool(str(found).encode())
    except RuntimeError:
        raise UserError(
            f"{setting} {text}: there is no such home folder; set HOME to one, or give the whole path"
        ) from None
    except FileNotFoundError:
        raise UserError(f"{setting} {text}: the current folder is gone; change to another one") from None
    except UnicodeEncodeError:
        usable = False
    if not text:
        raise UserError(f"{setting}: is empty; leave it out, or name a folder")
    if not usable:
        raise UserError(f"{setting} {text!r}: is no path in UTF-8; rename the folder, or give another path")
    return found


def home() -> Path:
    """The user's home folder; UserError where there is none."""
    return absolute("~", "HOME")


def of_user(variable: str, *below: str) -> Path:
    """This software's folder where XDG's variable says, else at its usual place below the home folder."""
    given = os.environ.get(variable)
    return (absolute(given, variable) if given else home().joinpath(*below)) / "randteach"


def sqlite(database: Path) -> str:
    """A database's address. It is a URL, in which `?`, `#` and `%` of a path would mean something else."""
    from sqlalchemy import make_url

    # Not "sqlite:///", of which MLflow makes the folder, as it is quoted.
    quoted = f"sqlite+pysqlite:///{quote(str(database))}"
    # SQLAlchemy before 2.1 doesn't take the quotes off.
    return quoted if make_url(quoted).database == str(database) else f"sqlite:///{database}"


def short(path: Path | str) -> str:
    """A path as one types it in the current folder."""
    with suppress(OSError, ValueError):
        return str(Path(path).relative_to(Path.cwd()))
    return str(path)
