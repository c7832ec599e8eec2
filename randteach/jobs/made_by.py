"""Name the code that makes a result: what its stage reaches, and things from outside in its record."""

import re
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

from randteach.environment import reached
from randteach.environment.outside import MODULE
from randteach.environment.reached import Unit
from randteach.identity import names
from randteach.jobs.outside import CATALOGUES
from randteach.kinds import KINDS

NAMED = re.compile(rf'"({names.OUTSIDE})"')
# What opens a stage's samples and weights.
FED = ("randteach.engine.inputs", "JobInputs")


def digest(kind: str, record: str = "") -> str:
    """The digest of the code that makes a job of a kind with this canonical record.

    Empty where the kind, or anything that the record names, is not declared here.
    """
    return _digest(kind, frozenset(NAMED.findall(record)))


@cache
def _digest(kind: str, outside: frozenset[str]) -> str:
    found = [one for catalogue in CATALOGUES.values() for name, one in catalogue.items() if name in outside]
    if kind not in KINDS or len(found) < len(outside):
        return ""
    return _of(kind, found)


def _of(kind: str, things: Iterable[Any]) -> str:
    stage = KINDS[kind].stage
    units = [(stage.__module__, stage.__qualname__.partition(".")[0]), FED, *map(_unit, things)]
    others = {module for module, _ in units if module not in reached.reach().files}
    if not all(getattr(sys.modules.get(module), "__file__", None) for module in others):
        return ""  # declared where there is no file, as in a notebook
    return reached.reach(*sorted(others)).digest(*units)


def _unit(thing: Any) -> Unit:
    """Where something from outside is declared: at its own name, or within another declaration."""
    modules = [module for name, module in sys.modules.copy().items() if name.startswith(MODULE)]
    for module in modules:
        for name, value in vars(module).items():
            if value is thing:
                return module.__name__, name
    for module in modules:
        for name, value in vars(module).items():
            if thing in getattr(value, "declares", ()):
                return module.__name__, name
    raise LookupError(f"{thing.name} is declared in no module")
