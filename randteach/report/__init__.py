"""Tables, summaries and figures, all from the store."""

import importlib
import os
import sys
from contextlib import suppress
from types import ModuleType


def module(name: str) -> ModuleType:
    """A report, imported when it is needed: figures take seconds that a plan need not wait for.

    Figures are files and need no backend, so MPLBACKEND may name one that is not installed here, as a
    notebook's shell does; matplotlib would refuse to be imported.
    """
    asked = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    found = importlib.import_module(f"randteach.report.{name}")
    if asked is not None:
        os.environ["MPLBACKEND"] = asked
        with suppress(ValueError):
            sys.modules["matplotlib"].rcParams["backend"] = asked
    return found
