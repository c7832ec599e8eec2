"""Make MLflow's database in a folder, whole or not at all.

MLflow makes a database by a long series of migrations. One in which it was killed never opens again, and of
two processes that begin at once one fails. So it is made under another name, by one at a time.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from randteach.environment import disk, paths
from randteach.errors import UserError

TOLD = "move it away; the next start, or `randteach track`, writes it again from the store"

FIRST = {"experiments", "alembic_version"}  # tables, one of which MLflow makes before all others


def prepare(path: Path) -> None:
    """Make a database if there is none, or one that was never finished.

    Raises UserError where the one that is there is damaged, or somebody else's.
    """
    if _usable(path):
        return
    with _alone(path.parent):
        if _usable(path):
            return  # another process has just made it
        for left in path.parent.glob(f".{path.name}.*"):
            left.unlink(missing_ok=True)
        with disk.replacing(path) as whole:
            _make(whole)


def _usable(path: Path) -> bool:
    """Whether there is a database that holds runs or can take them."""
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            if "runs" in tables and database.execute("SELECT 1 FROM runs").fetchone():
                found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
                if found != "ok":
                    raise UserError(f"{path}: MLflow's database is damaged ({found}); {TOLD}")
                return True
            if tables and not tables & FIRST:
                raise UserError(f"{path}: is no database of MLflow's; {TOLD}")
            if "alembic_version" not in tables:
                return False
            return bool(database.execute("SELECT * FROM alembic_version").fetchone() == (_newest(),))
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return True  # someone writes to it
        raise UserError(f"{path}: MLflow's database is damaged ({error}); {TOLD}") from None


def _newest() -> str:
    """The last migration that this MLflow knows."""
    from mlflow.store.db.utils import _get_latest_schema_revision

    return str(_get_latest_schema_revision())  # type: ignore[no-untyped-call]


def _make(path: Path) -> None:
    from mlflow import MlflowClient

    MlflowClient(paths.sqlite(path)).search_experiments(max_results=1)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time, on disks that have locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
