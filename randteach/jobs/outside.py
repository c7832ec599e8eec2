"""Put what a file from outside the package declares into the catalogues."""

import inspect
from typing import Any

from loaders.augment import AUGMENTATIONS, Augmentation
from loaders.catalogue import Catalogue
from loaders.datasets import DATASETS, DataSet
from randteach.environment.outside import Source, load, source_of
from randteach.errors import UserError
from randteach.identity import names
from randteach.jobs.downstream import DOWNSTREAM, Downstream
from randteach.jobs.study import Study
from randteach.kinds import KINDS, Kind
from randteach.nets.architecture import Architecture
from randteach.nets.architectures import ARCHITECTURES
from randteach.stages.losses import LOSSES, Loss
from randteach.stages.measures import MEASURES, Measure

CATALOGUES: dict[type, Catalogue[Any]] = {
    Architecture: ARCHITECTURES,
    Augmentation: AUGMENTATIONS,
    DataSet: DATASETS,
    Downstream: DOWNSTREAM,
    Kind: KINDS,
    Loss: LOSSES,
    Measure: MEASURES,
}


def adopt(sweep: Study) -> tuple[Study, tuple[Source, ...]]:
    """Make a study's declarations known here, and give the source that makes them known elsewhere.

    A study without declarations stays as it is. Raises UserError for a name without a prefix.
    """
    if not sweep.declares:
        return sweep, ()
    source = source_of(inspect.getsourcefile(sweep.jobs) or "")
    return declare(source, sweep.name), (source,)


def declare(source: Source, name: str = "") -> Study:
    """Import a source, and add what its study declares to the catalogues; the study, by its name."""
    studies = [value for value in vars(load(source)).values() if isinstance(value, Study) and value.declares]
    found = next((study for study in studies if name in ("", study.name)), None)
    if found is None:
        raise UserError(f"{source.name}: has no study {name!r} at its top level; name it there")
    for one in found.declares:
        catalogue = CATALOGUES.get(type(one))
        if catalogue is None:
            known = ", ".join(sorted(kind.__name__ for kind in CATALOGUES))
            raise UserError(f"{source.name}: declares={one!r}: is none of {known}")
        if not names.fits(names.OUTSIDE, one.name):
            hint = f"give it a prefix of your own, as in mylab.{one.name}"
            what = f"is no name of a {catalogue.what} from outside"
            raise UserError(f"{source.name}: {one.name!r} {what}; {hint}")
        try:
            catalogue.add(one)
        except ValueError as error:
            raise UserError(f"{source.name}: {error}; give it another name, or begin a new process") from None
    return found
