"""Tables, summaries and figures, all from the store."""

import importlib
from types import ModuleType


def module(name: str) -> ModuleType:
    """A report, imported when it is needed: figures take seconds that a plan need not wait for."""
    return importlib.import_module(f"randteach.report.{name}")
