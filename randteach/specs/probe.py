"""Probes of a frozen reference: what decides their accuracies."""

from dataclasses import dataclass, field
from typing import Annotated

from randteach.specs.origins import PROBED, From
from randteach.specs.reference import Reads, Reference, Samples, calibration, probed


@dataclass(frozen=True)
class ProbeSpec:
    """A probe of one reference on one labelled set; `samples.holdout` are the validation samples.

    `normalised_by` is the set whose statistics normalise its images, where it is not their own.
    """

    reference: Annotated[Reference, From(net="net", norm="distill.teacher_norm", seed="seeds.teacher")]
    samples: Annotated[Samples, From(**PROBED)]
    test_count: Annotated[int, From("probe.test_size")]
    epochs: Annotated[int, From("probe.epochs")]
    batch_size: Annotated[int, From("probe.batch_size")]
    lr: Annotated[float, From("probe.lr")]
    weight_decay: Annotated[float, From("probe.weight_decay")]
    neighbours: Annotated[int, From("probe.neighbours")]
    seed: Annotated[int, From("seeds.probe")]
    normalised_by: Annotated[Samples | None, From(name="data.name")] = field(
        default=None, metadata={"absent": None}
    )

    @property
    def reads(self) -> Reads:
        """The samples that the stage reads."""
        return probed(self.samples, self.normalised_by) | calibration(self.reference)
