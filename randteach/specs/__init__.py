"""Specs: what decides a result, and so what its key is made of. One file a kind."""

from randteach.specs.connect import ConnectSpec
from randteach.specs.distill import DistillSpec
from randteach.specs.mask import MaskSpec
from randteach.specs.measure import Bare, Logistic, MeasureSpec
from randteach.specs.plane import PlaneSpec
from randteach.specs.probe import ProbeSpec
from randteach.specs.reference import (
    ONE_NOISE,
    REESTIMATED,
    Draw,
    Network,
    Pixels,
    Reads,
    Reference,
    Samples,
    Snapshot,
    calibration,
    corrected,
)
from randteach.specs.train import TrainSpec

__all__ = [
    "ONE_NOISE",
    "REESTIMATED",
    "Bare",
    "ConnectSpec",
    "DistillSpec",
    "Draw",
    "Logistic",
    "MaskSpec",
    "MeasureSpec",
    "Network",
    "Pixels",
    "PlaneSpec",
    "ProbeSpec",
    "Reads",
    "Reference",
    "Samples",
    "Snapshot",
    "Spec",
    "TrainSpec",
    "calibration",
    "corrected",
]

Spec = DistillSpec | ProbeSpec | MeasureSpec | TrainSpec | MaskSpec | ConnectSpec | PlaneSpec
