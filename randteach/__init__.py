"""Students of random teachers, as studies that can be stopped, resumed, extended and trusted.

All that a sweep's file needs is here: `import randteach as rt`.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from randteach import report
    from randteach.api import load, table
    from randteach.cli.main import main
    from randteach.config import presets
    from randteach.config.schema import Config
    from randteach.errors import UserError
    from randteach.jobs.build import distill_job, last, probe_jobs, snapshot, snapshot_probes, teacher_of
    from randteach.jobs.downstream import triggered
    from randteach.jobs.downstream.connect import connect_jobs
    from randteach.jobs.downstream.plane import plane_jobs
    from randteach.jobs.downstream.tickets import ticket_jobs
    from randteach.jobs.job import Job
    from randteach.jobs.resolve import distilled, probed
    from randteach.jobs.study import Report, Study
    from randteach.report.results import Results
    from randteach.specs import Draw, Pixels, Samples, Snapshot

__all__ = [
    "Config",
    "Draw",
    "Job",
    "Pixels",
    "Report",
    "Results",
    "Samples",
    "Snapshot",
    "Study",
    "UserError",
    "connect_jobs",
    "distill_job",
    "distilled",
    "last",
    "load",
    "main",
    "plane_jobs",
    "presets",
    "probe_jobs",
    "probed",
    "report",
    "snapshot",
    "snapshot_probes",
    "table",
    "teacher_of",
    "ticket_jobs",
    "triggered",
]

_HOMES = {
    "api": ("load", "table"),
    "cli.main": ("main",),
    "config.schema": ("Config",),
    "errors": ("UserError",),
    "jobs.build": ("distill_job", "last", "probe_jobs", "snapshot", "snapshot_probes", "teacher_of"),
    "jobs.downstream": ("triggered",),
    "jobs.downstream.connect": ("connect_jobs",),
    "jobs.downstream.plane": ("plane_jobs",),
    "jobs.downstream.tickets": ("ticket_jobs",),
    "jobs.job": ("Job",),
    "jobs.resolve": ("distilled", "probed"),
    "jobs.study": ("Report", "Study"),
    "report.results": ("Results",),
    "specs": ("Draw", "Pixels", "Samples", "Snapshot"),
}
_MODULES = {"presets": "config.presets", "report": "report"}


if lacking := [name for name in ("numpy", "omegaconf", "rich", "torch") if find_spec(name) is None]:
    raise ModuleNotFoundError(f"No module named {lacking[0]!r}")


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: a mistake on the command line need not wait for pandas."""
    if name in _MODULES:
        return import_module(f"{__name__}.{_MODULES[name]}")
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return __all__
