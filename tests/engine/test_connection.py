"""A Ray of one's own: what it opens, what its workers import, what it leaves; each seen in one start."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from randteach.engine.ray import scratch, watchdog

METRICS = {44217, 44227}
DRIVER = """
import json, os, signal, sys
import ray
from randteach.engine.ray import connection

def imported():
    import zipapp, loaders
    return zipapp.__file__, loaders.__file__, os.getcwd(), sys.path

with connection.connected(None) as folder:
    work = ray.get(ray.remote(imported).remote())
    own = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    print(json.dumps([str(folder), oct(os.stat(folder).st_mode), work, own]), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple["subprocess.Popen[str]", list[Any]]]:
    """A process that has started Ray where modules lie that have installed ones' names, and what it said."""
    place = tmp_path_factory.mktemp("driver")
    (place / "loaders").mkdir()
    for name in ("loaders/__init__.py", "zipapp.py"):
        (place / name).write_text("raise RuntimeError('shadowed')")
    (place / "sweeps").mkdir()
    (place / "sweeps" / "zipapp.py").write_text("raise RuntimeError('shadowed')")
    script = place / "sweeps" / "sweep.py"
    script.write_text(DRIVER)
    process = subprocess.Popen(
        [sys.executable, str(script)], cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield process, json.loads(process.stdout.readline() or "[]")
    finally:
        process.kill()
        process.communicate()


def listening(pids: Iterable[int] = ()) -> dict[str, int]:
    """TCP ports on which processes listen, or anybody, by socket."""
    tables = (Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    rows = [line.split() for table in tables for line in table.splitlines()]
    found = {row[9]: int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}
    handles = [os.readlink(handle) for pid in pids for handle in Path(f"/proc/{pid}/fd").iterdir()]
    return {name: port for name, port in found.items() if not pids or f"socket:[{name}]" in handles}


def test_workers_import_what_is_installed_whatever_lies_about(driver: tuple[Any, list[Any]]) -> None:
    _, (_, _, (zipapp, loaders, _, path), _) = driver
    import loaders as ours

    assert loaders == ours.__file__ and Path(zipapp).parts[-2].startswith("python3")
    assert not any("driver" in place for place in path)


def test_its_folder_is_private_and_metrics_have_no_port(driver: tuple[Any, list[Any]]) -> None:
    process, (folder, mode, *_) = driver
    assert mode == oct(0o40700) and (Path(folder) / "ray").is_dir()
    ports = listening(watchdog.users(folder, process.pid))
    assert len(ports) >= 3 and not METRICS & set(ports.values())  # GCS, raylet, agents


def test_sigterm_stays_with_the_sweep(driver: tuple[Any, list[Any]]) -> None:
    """Ray's own handlers would end the process at once, with its exit code."""
    _, (*_, own) = driver
    assert own


def test_a_killed_driver_leaves_neither_processes_nor_files(driver: tuple[Any, list[Any]]) -> None:
    process, (folder, *_) = driver
    before = listening(watchdog.users(folder, process.pid))
    process.send_signal(signal.SIGKILL)
    process.wait()
    until = time.monotonic() + 2 * watchdog.PATIENCE
    while (os.path.exists(folder) or before.keys() & listening().keys()) and time.monotonic() < until:
        time.sleep(0.1)
    assert not os.path.exists(folder) and not watchdog.users(folder, 0)
    assert before and not before.keys() & listening().keys()


def test_a_folder_goes_with_what_still_uses_it_and_spares_its_owner() -> None:
    with scratch.folder() as place:
        kept = (place / "mine").open("w")
        other = subprocess.Popen(["sleep", "60"], stdout=(place / "log").open("w"))
        assert place.stat().st_mode & 0o777 == 0o700
    assert other.wait(10) == -signal.SIGKILL and not place.exists()
    kept.close()


def test_a_long_temporary_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets below it would have paths that are too long."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch.folder() as place:
        assert len(str(place)) <= scratch.LONGEST + len("/randteach-12345678")
