"""Disks, databases, files, memory and machines that fail: the study ends as if nothing had been."""

import gzip
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from loaders.datasets.mnist import DEBIAN
from tests.faults.harness import Sweep, wait_for

pytestmark = pytest.mark.slow
Tell = Callable[..., None]
Table = Callable[..., bytes]

CGROUP = Path("/sys/fs/cgroup/memory")


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"a tmpfs can't be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_disk_full_during_a_commit(tmpfs: Path, sweep: Sweep, undisturbed: Sweep, injected: Tell) -> None:
    sweep.out = tmpfs / "out"
    assert sweep.run("alpha=0.3") == 0, sweep.said
    filler = tmpfs / "filler"
    process = sweep.begin()
    wait_for(lambda: list(sweep.store.glob("work/*/*/0*.json")), process)
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass  # full
    code = sweep.end(process)
    injected("disk full during a commit")
    filler.unlink()
    assert code != 0, sweep.said
    assert sweep.run() == 0, sweep.said
    assert sweep.results == undisturbed.results
    assert sweep.command("verify") == 0, sweep.said


def test_a_read_only_store(tmpfs: Path, tmp_path: Path, undisturbed: Sweep, injected: Tell) -> None:
    sweep = Sweep(tmp_path / "out")
    place = ("--store", str(tmpfs / "store"))
    assert sweep.run("alpha=0.3", *place) == 0, sweep.said
    before = sweep.results
    subprocess.run(["mount", "-o", "remount,ro", str(tmpfs)], check=True)
    injected("a read-only store")
    assert sweep.run(*place) == 2
    assert sweep.said.count("error: ") == 1 and "can't write there (Read-only file system)" in sweep.said
    # What is done is shown all the same.
    (sweep.out / "init_distance" / "results.csv").unlink()
    assert sweep.run("alpha=0.3", *place) == 0, sweep.said
    assert sweep.results == before
    for command in ("ls", "status", "verify"):
        assert sweep.command(command, *place) == 0, sweep.said
    subprocess.run(["mount", "-o", "remount,rw", str(tmpfs)], check=True)
    assert sweep.run(*place) == 0, sweep.said
    assert sweep.results == undisturbed.results


@pytest.mark.parametrize("ray", [False, True], ids=["local", "ray"])
def test_a_store_that_vanishes(ray: bool, sweep: Sweep, undisturbed: Sweep, injected: Tell) -> None:
    """It ends the sweep in one message, is not made anew, and when it is back the sweep goes on."""
    process = sweep.begin("distill.epochs=3000", ray=ray)
    wait_for(lambda: list(sweep.store.glob("work/*/*/0*.json")), process)
    away = sweep.store.rename(sweep.out / "away")
    injected("a store that vanishes")
    assert sweep.end(process) == 2
    assert sweep.said.count("error: ") == 1 and "has gone while the sweep ran" in sweep.said
    assert not sweep.store.exists() and "failed" not in sweep.said and "MLflow" not in sweep.said
    away.rename(sweep.store)
    assert sweep.run(ray=ray) == 0, sweep.said
    assert sweep.results == undisturbed.results


def tree(out: Path, study: str = "init_distance") -> dict[str, tuple[Any, ...]]:
    """MLflow's runs by key: all that a viewer sees of them."""
    client = MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(study)
    assert experiment
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    keys = {run.info.run_id: run.data.tags["key"] for run in found}
    assert len(set(keys.values())) == len(found)  # no run twice
    names = {"key", "role", "kind", "alpha", "status", "mlflow.runName", "reused", "numerics"}
    return {
        keys[run.info.run_id]: (
            keys.get(run.data.tags.get("mlflow.parentRunId", "")),
            run.info.status,
            {name: value for name, value in run.data.tags.items() if name in names},
            run.data.params,
            {
                name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
                for name in run.data.metrics
            },
            sorted(item.path for item in client.list_artifacts(run.info.run_id)),
        )
        for run in found
    }


def test_the_database_locked_for_a_minute(sweep: Sweep, undisturbed: Sweep, injected: Tell) -> None:
    assert sweep.run("alpha=0.3", "distill.epochs=0", "probe.at=[0]") == 0, sweep.said
    lock = sqlite3.connect(sweep.out / "mlflow.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    process = sweep.begin()
    wait_for(
        lambda: (sweep.out / "init_distance" / "results.csv").read_bytes() == undisturbed.results, process
    )
    trained = time.monotonic() - began  # it did not wait for the lock
    time.sleep(max(0.0, 60 - trained))
    lock.execute("ROLLBACK")
    lock.close()
    injected("MLflow's database locked for a minute")
    assert sweep.end(process) == 0, sweep.said
    assert sweep.said.count("MLflow can't be written now") <= 1
    assert sweep.results == undisturbed.results
    assert sweep.command("track") == 0, sweep.said
    assert tree(sweep.out) == tree(undisturbed.out)


def test_the_database_deleted(sweep: Sweep, undisturbed: Sweep, injected: Tell) -> None:
    process = sweep.begin()
    wait_for(lambda: list(sweep.store.glob("done/distill/*/*")), process)
    wait_for((sweep.out / "mlflow.db").exists, process)
    (sweep.out / "mlflow.db").unlink()
    injected("MLflow's database deleted while a study runs")
    assert sweep.end(process) == 0, sweep.said
    assert sweep.results == undisturbed.results
    (sweep.out / "mlflow.db").unlink(missing_ok=True)
    for _ in range(2):  # the second time there is nothing to write
        assert sweep.command("track") == 0, sweep.said
        assert tree(sweep.out) == tree(undisturbed.out)
    injected("MLflow's database deleted, and rebuilt from the store")


def test_an_ffcv_file_truncated(sweep: Sweep, undisturbed: Sweep, injected: Tell) -> None:
    assert sweep.run("alpha=0.3", "loader=auto") == 0, sweep.said
    files = list((sweep.out / "data").glob("*.beton"))
    if not files:
        pytest.skip("FFCV is not installed")
    for path in files:
        os.truncate(path, path.stat().st_size // 2)
        injected("an FFCV file truncated")
    assert sweep.run("loader=auto") == 0, sweep.said
    assert "damaged, written anew" in sweep.said
    assert sweep.results == undisturbed.results


def test_a_data_file_changed_under_a_finished_study(sweep: Sweep, table_of: Table, injected: Tell) -> None:
    if not DEBIAN.exists():
        pytest.skip("needs Debian's Fashion-MNIST")
    root = sweep.out / "raw"
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in DEBIAN.iterdir():
        (raw / path.name).write_bytes(path.read_bytes())
    fashion = ("data.name=fashion_mnist", "data.like=fashion_mnist")
    given = (f"data.root={root}", *fashion)
    assert sweep.run("alpha=0.3", *given) == 0, sweep.said
    before = sweep.results
    (path,) = raw.glob("train-images-idx3-ubyte*")
    content = bytearray(path.read_bytes())
    if path.suffix == ".gz":
        content = bytearray(gzip.decompress(content))
    content[1000] ^= 1
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    injected("a data file changed under a finished study")
    assert sweep.run(*given) == 2  # what is missing
    assert f"{path}: its checksum is " in sweep.said and "c59f468a2f672dc8" in sweep.said
    assert sweep.results == before and sweep.command("ls") == 0
    assert sweep.run("alpha=0.3", *given) == 0, sweep.said  # what is done
    assert sweep.results == before
    assert sweep.run(*fashion) == 0, sweep.said  # the true file
    assert sweep.results == table_of(*fashion)


def test_a_worker_ended_for_its_memory(sweep: Sweep, table_of: Table, injected: Tell) -> None:
    """The kernel ends it, when a limit is put on it that is below what it has."""
    group = CGROUP / f"randteach-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(1 << 20))
    except OSError as error:
        pytest.skip(f"a memory cgroup can't be made here: {error}")
    try:
        process = sweep.begin("distill.epochs=30", ray=True)
        wait_for(lambda: list(sweep.store.glob("work/*/*/0*.json")), process)
        workers = [pid for pid in _pids(process.pid) if b"ray::" in _command(pid)]
        victim = max(workers, key=lambda pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]))
        (group / "cgroup.procs").write_text(str(victim))
        assert sweep.end(process) == 0, sweep.said
        killed = (group / "memory.oom_control").read_text()
    finally:
        group.rmdir()
    assert "oom_kill 0" not in killed, killed
    assert "its worker died" in sweep.said
    injected("a worker ended by signal 9 for its memory")
    assert sweep.results == table_of("distill.epochs=30")


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _pids(root: int) -> list[int]:
    """All live descendants of a process."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found, todo = [], [root]
    while todo:
        found += (below := children.get(todo.pop(), []))
        todo += below
    return found
