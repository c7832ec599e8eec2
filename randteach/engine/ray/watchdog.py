"""Ends what a driver has started and removes its private folder, however the driver ends.

    python -I -S watchdog.py FOLDER

A process of its own, which knows of the driver's end by that of its standard input. Ray's agents would
listen for a minute after the driver was killed. It imports nothing but the standard library.
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 10.0  # seconds in which processes that are killed end


def users(folder: str, driver: int) -> set[int]:
    """Processes other than the driver that have a file below the folder open."""
    found = set()
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # the process has ended, or is another user's
            if os.readlink(handle).startswith(f"{folder}/"):
                found.add(int(handle.parts[2]))
    return found - {driver}


def end(folder: str, driver: int) -> None:
    """Kill the folder's users and remove it."""
    until = time.monotonic() + PATIENCE
    while (left := users(folder, driver)) and time.monotonic() < until:
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parent = os.getppid()
    sys.stdin.buffer.read()
    end(sys.argv[1], parent)
