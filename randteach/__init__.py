"""Students of random teachers, as studies that can be stopped, resumed, extended and trusted.

All that a sweep's file needs is here: `import randteach as rt`.
"""

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The one list of all names; each is imported when it is first used, so that a mistake on the command line
# need not wait for torch or pandas.
if TYPE_CHECKING:
    from loaders.augment import Augmentation as Augmentation
    from loaders.datasets import DataSet as DataSet
    from loaders.datasets.readers import ImageFolder as ImageFolder
    from loaders.datasets.readers import Npz as Npz
    from loaders.datasets.readers import NpzParts as NpzParts
    from loaders.datasets.readers import TorchVision as TorchVision
    from randteach import report as report
    from randteach.api import load as load
    from randteach.api import table as table
    from randteach.cli.main import main as main
    from randteach.config import presets as presets
    from randteach.errors import NotConverged as NotConverged
    from randteach.errors import UserError as UserError
    from randteach.jobs.build import compared as compared
    from randteach.jobs.build import distill_job as distill_job
    from randteach.jobs.build import last as last
    from randteach.jobs.build import probe_jobs as probe_jobs
    from randteach.jobs.build import snapshot as snapshot
    from randteach.jobs.build import snapshot_probes as snapshot_probes
    from randteach.jobs.build import teacher_of as teacher_of
    from randteach.jobs.downstream import Downstream as Downstream
    from randteach.jobs.downstream import triggered as triggered
    from randteach.jobs.downstream.connect import connect_jobs as connect_jobs
    from randteach.jobs.downstream.plane import plane_jobs as plane_jobs
    from randteach.jobs.downstream.tickets import ticket_jobs as ticket_jobs
    from randteach.jobs.job import Job as Job
    from randteach.jobs.point import Point as Point
    from randteach.jobs.resolve import distilled as distilled
    from randteach.jobs.resolve import probed as probed
    from randteach.jobs.study import Report as Report
    from randteach.jobs.study import Study as Study
    from randteach.kinds import Kind as Kind
    from randteach.kinds import Number as Number
    from randteach.kinds.inputs import Inputs as Inputs
    from randteach.nets.architecture import Architecture as Architecture
    from randteach.report.results import Results as Results
    from randteach.specs import Draw as Draw
    from randteach.specs import Pixels as Pixels
    from randteach.specs import Samples as Samples
    from randteach.specs import Snapshot as Snapshot
    from randteach.specs.origins import From as From
    from randteach.stages.embed import Features as Features
    from randteach.stages.embed import embed as embed
    from randteach.stages.embed import inputs as inputs
    from randteach.stages.losses import Loss as Loss
    from randteach.stages.losses import Rows as Rows
    from randteach.stages.measures import Measure as Measure
    from randteach.stages.recorder import Recorder as Recorder
    from randteach.stages.recorder import Result as Result


def _homes() -> dict[str, str]:
    """The module that each name comes from, as the list above says."""
    tree = ast.parse(Path(__file__).read_text())
    found = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    homes = {alias.asname: node.module or "" for node in found for alias in node.names if alias.asname}
    return {name: home for name, home in homes.items() if name}


_HOMES = _homes()
_MODULES = ("presets", "report")

if lacking := [name for name in ("numpy", "omegaconf", "rich", "torch") if find_spec(name) is None]:
    raise ModuleNotFoundError(f"No module named {lacking[0]!r}")


def __getattr__(name: str) -> Any:
    """Import a name when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return import_module(f"{home}.{name}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
