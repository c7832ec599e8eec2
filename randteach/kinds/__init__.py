"""Kinds of jobs: each declaration binds a spec, a stage, and what is known of its results."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from loaders.catalogue import Catalogue
from randteach.identity import names
from randteach.kinds.connect import CONNECT
from randteach.kinds.distill import DISTILL
from randteach.kinds.kind import Curve, Kind, Number
from randteach.kinds.mask import MASK
from randteach.kinds.measure import MEASURE
from randteach.kinds.plane import PLANE
from randteach.kinds.probe import PROBE
from randteach.kinds.train import TRAIN

__all__ = [
    "KINDS",
    "STATE",
    "Curve",
    "Kind",
    "Number",
    "measured",
    "measures",
    "of_features",
    "readable",
    "revisions",
    "title",
]

DECLARED: tuple[Kind[Any], ...] = (DISTILL, PROBE, MEASURE, TRAIN, MASK, CONNECT, PLANE)
KINDS: Catalogue[Kind[Any]] = Catalogue("kind of job", DECLARED)
STATE = "state"  # of a training: an artifact beside its snapshot, which no job of its own makes


def revisions() -> Mapping[str, int]:
    """Revisions of all kinds of artifacts that are known."""
    return MappingProxyType({STATE: 1} | {kind.name: kind.revision for kind in KINDS.values()})


def readable(kind: str) -> bool:
    """Whether artifacts of a kind can be read: those of one from outside the package by their form alone."""
    return kind in revisions() or names.fits(names.OUTSIDE, kind)


def title(kind: str) -> str:
    """What jobs of a kind are called; the kind itself where it is unknown."""
    return KINDS[kind].called() if kind in KINDS else kind


def of_features(kind: str) -> bool:
    """Whether a kind's numbers judge features."""
    return kind in KINDS and KINDS[kind].of_features


def measures() -> tuple[str, ...]:
    """All measures of features, in their order in every table and figure."""
    return tuple(number.name for kind in KINDS.values() if kind.of_features for number in kind.gives())


def measured(measure: str) -> str:
    """What a measure of features is called in figures; its name where it is unknown."""
    found = (number for kind in KINDS.values() if kind.of_features for number in kind.gives())
    return next((number.title for number in found if number.name == measure), "") or measure
