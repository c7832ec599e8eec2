"""Students of random teachers, as studies that can be stopped, resumed, extended and trusted."""

from importlib.util import find_spec
from typing import Any

__all__ = ["Study", "load", "main", "table"]

_HOMES = {"Study": "jobs.study", "load": "api", "main": "cli.main", "table": "api"}


if lacking := [name for name in ("numpy", "omegaconf", "rich", "torch") if find_spec(name) is None]:
    raise ModuleNotFoundError(f"No module named {lacking[0]!r}")


def __getattr__(name: str) -> Any:
    """Imported when first used: a mistake on the command line is answered before pandas is there."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
