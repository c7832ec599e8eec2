"""A private folder for Ray's files and Tune's, which does not outlive the sweep.

Ray's own folder below /tmp is open to all users, and stays.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from randteach.engine.ray import watchdog
from randteach.errors import UserError

LONGEST = 20  # bytes of the parent's path: below the folder, Ray's sockets have paths of up to 107 bytes
SHORT = "/tmp"


@contextmanager
def folder() -> Iterator[Path]:
    """The folder, the user's alone (mode 0700); UserError where it can't be made.

    At the end, also after SIGKILL, all processes that use it are killed and it is removed.
    """
    base = tempfile.gettempdir()
    try:
        made = tempfile.mkdtemp(prefix="randteach-", dir=base if len(os.fsencode(base)) <= LONGEST else SHORT)
    except OSError as error:
        raise UserError(
            f"TMPDIR: no folder can be made for Ray ({error}); name one that is writable"
        ) from None
    command = [sys.executable, "-I", "-S", watchdog.__file__, made]
    # A session of its own: what ends the driver's process group does not end it.
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    try:
        yield Path(made)
    finally:
        process.communicate()  # closes the pipe, and waits
