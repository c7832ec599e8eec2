"""Settings whose values are names in a catalogue."""

from collections.abc import Mapping
from typing import Any

from loaders.augment import AUGMENTATIONS
from loaders.catalogue import Catalogue
from randteach.config.schema import Config, get
from randteach.jobs.downstream import DOWNSTREAM
from randteach.nets.architectures import ARCHITECTURES
from randteach.stages.losses import LOSSES

CATALOGUES: Mapping[str, Catalogue[Any]] = {
    "net.arch": ARCHITECTURES,
    "data.augment": AUGMENTATIONS,
    "downstream": DOWNSTREAM,
    "distill.loss": LOSSES,
    "train.augment": AUGMENTATIONS,
}


def check(config: Config) -> None:
    """UserError for a name that is in no catalogue."""
    for setting, catalogue in CATALOGUES.items():
        value = get(config, setting)
        for name in value if isinstance(value, list) else [value]:
            catalogue.find(name, setting)
