"""End a sweep early: on Ctrl-C, SIGTERM, a closed terminal, or after its hours."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from randteach.store.session import Session

HOUR = 3600
REASONS = {
    signal.SIGINT: "stopped by Ctrl-C",
    signal.SIGTERM: "stopped by SIGTERM",
    signal.SIGHUP: "stopped, its terminal is gone",
}


@contextmanager
def stoppable(session: Session, hours: float | None, say: Callable[[str], None]) -> Iterator[None]:
    """The first signal has running jobs keep their states and end, the second one ends all at once.

    The second one raises KeyboardInterrupt. `hours` are those after which the first one is spared.
    """

    def stop(reason: str) -> None:
        if not session.stopping:
            say(f"{reason}: running jobs keep their states and end; Ctrl-C ends them at once")
            session.stop(reason)

    def on_signal(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            _speak_to_nobody()
        elif session.stopping:
            raise KeyboardInterrupt
        stop(REASONS[signal.Signals(number)])

    timer = threading.Timer((hours or 0) * HOUR, stop, [f"--max-hours {hours or 0:g} are over"])
    timer.daemon = True
    if hours is not None:
        timer.start()
    mine = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in REASONS}
    if before[signal.SIGHUP] == signal.SIG_IGN:
        del before[signal.SIGHUP]  # started with nohup
    try:
        for number in before:
            if mine:
                signal.signal(number, on_signal)
        yield
    finally:
        timer.cancel()
        for number, handler in before.items():
            if mine:
                signal.signal(number, handler)


def _speak_to_nobody() -> None:
    """Send further output nowhere: writing to a closed terminal fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
