"""MLflow's database: made whole or not at all, by one; half-made ones replaced, damaged ones named."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from randteach.environment import paths
from randteach.errors import UserError
from randteach.tracking import database

MAKE = "import sys\nfrom pathlib import Path\nfrom randteach.tracking import database\nprint(flush=True)\n"
MAKE += "sys.stdin.readline()\ndatabase.prepare(Path(sys.argv[1]))"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "mlflow.db"
    database.prepare(path)
    return path


def test_two_that_begin_at_once_make_one(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    command = [sys.executable, "-c", MAKE, str(path)]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout
        process.stdout.readline()  # it has imported all that it needs
    said = [process.communicate(b"\n")[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert os.listdir(tmp_path) == ["mlflow.db"]
    assert MlflowClient(paths.sqlite(path)).create_experiment("one")


def half_made(whole: Path, path: Path, table: str) -> None:
    """As it is left where its maker is killed: without the last migration, or before the first."""
    shutil.copy(whole, path)
    with closing(sqlite3.connect(path)) as found:
        found.execute(f"DROP TABLE {table}")
        found.execute(
            "UPDATE alembic_version SET version_num = 'early'" if table == "trace_info" else "VACUUM"
        )
        found.commit()


@pytest.mark.parametrize("how", ["empty", "alembic_version", "trace_info"])
def test_one_that_was_never_finished_is_replaced(how: str, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    if how == "empty":
        path.touch()
    else:
        half_made(whole, path, how)
    (tmp_path / ".mlflow.db.dead").touch()
    database.prepare(path)
    assert MlflowClient(paths.sqlite(path)).create_experiment("one")
    assert os.listdir(tmp_path) == ["mlflow.db"]


def test_one_with_runs_is_kept(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    shutil.copy(whole, path)
    client = MlflowClient(paths.sqlite(path))
    client.create_run(client.create_experiment("one"))
    before = path.stat().st_ino
    database.prepare(path)
    assert path.stat().st_ino == before and client.get_experiment_by_name("one")


@pytest.mark.parametrize("how", ["no database", "cut short"])
def test_a_damaged_one_is_named_and_left_alone(how: str, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"hello " * 100 if how == "no database" else whole.read_bytes()[:20000])
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"mlflow\.db: MLflow's database is damaged .*; move it away"):
        database.prepare(path)
    assert path.read_bytes() == before


def test_one_that_is_written_to_is_left_to_mlflow(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    shutil.copy(whole, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        database.prepare(path)


def test_a_database_of_somebody_else_s_stays(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("CREATE TABLE mine (x)")
    content = path.read_bytes()
    with pytest.raises(UserError, match="is no database of MLflow's; move it away"):
        database.prepare(path)
    assert path.read_bytes() == content
