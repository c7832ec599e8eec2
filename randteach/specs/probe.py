"""Probes of a frozen reference: what decides their accuracies."""

from dataclasses import dataclass

from randteach.specs.reference import Reads, Reference, Samples, calibration


@dataclass(frozen=True)
class ProbeSpec:
    """A probe of one reference on one labelled set; `samples.holdout` are the validation samples."""

    reference: Reference
    samples: Samples
    test_count: int
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    neighbours: int
    seed: int

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return {(self.samples, "train"), (self.samples, "test")} | calibration(self.reference)
