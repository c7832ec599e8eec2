"""What a stage can open: the samples, weights and masks that its spec names."""

from collections.abc import Callable, Iterable, Iterator, Set
from typing import Protocol

import numpy as np
import torch

from loaders import Split
from randteach.nets.pruning import Masks
from randteach.specs import Network, Reference, Samples
from randteach.stages.evaluate import Inputs as Held
from randteach.stages.recorder import State, Tensors
from randteach.stages.teacher import Cache


class Inputs(Protocol):
    """A job's inputs on its device, opened when they are asked for."""

    device: torch.device
    features: Cache  # teachers' features, which a worker keeps between jobs
    states: Set[int]  # steps at which a trajectory's state is wanted beside its snapshot

    def samples(self, samples: Samples, split: str = "train") -> tuple[Split, np.ndarray]:
        """The split that samples are taken from, and which of its samples they are."""

    def labelled(
        self, samples: Samples, test_count: int, normalised_by: Samples | None
    ) -> tuple[Split, Split, dict[str, np.ndarray]]:
        """A labelled set's two splits, and which samples are "train", "val" and "test".

        `normalised_by` is the set whose mean and standard deviation they have, where not their own.
        """

    def held(self, samples: Samples, split: str, count: int) -> Held:
        """So many samples of a split on the device; a worker keeps them for the next job."""

    def encoder(self, reference: Reference, size: int) -> Callable[[torch.Tensor], torch.Tensor]:
        """A reference as a function x_BCHW -> features_BD, frozen and in evaluation mode."""

    def network(self, reference: Network, size: int, *also: str) -> dict[str, torch.Tensor]:
        """An encoder's weights and buffers as `encoder.NAME`; `also`: a snapshot's further parts."""

    def state(self, reference: Network) -> Tensors:
        """What a training goes on with from a snapshot: a student's head among it, by their full names."""

    def calibration(self, reference: Reference) -> Callable[[], Iterable[torch.Tensor]] | None:
        """The inputs that a calibrated draw's norm layers have to see."""

    def mask(self, key: str | None) -> Masks | None:
        """A mask by its key."""

    def ready(self) -> None:
        """Everything is opened: from here on time is the stage's own."""

    def parts(self, start: int = 0) -> Iterator[tuple[State | None, list[int]]]:
        """A trajectory's missing steps in parts, and the state that each goes on from; none at its `start`.

        Each part begins when it is asked for, and so everything has to be opened before.
        """
