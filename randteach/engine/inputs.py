"""Open what a stage takes: samples by this machine's reader, weights and masks from the store."""

from collections.abc import Callable, Iterable, Iterator, Set
from copy import copy
from functools import partial

import numpy as np
import torch

from loaders import DATASETS, Split, changed, open_split
from loaders.order import balanced, held_out
from randteach import nets
from randteach.engine.context import Context
from randteach.engine.recorder import JobRecorder
from randteach.engine.resume import parts
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Job
from randteach.kinds.inputs import Inputs
from randteach.nets.pruning import Masks, unpack
from randteach.specs import Draw, Network, Pixels, Reference, Samples, Snapshot
from randteach.specs.reference import Reads
from randteach.stages.embed import drawn_encoder, inputs, to_device
from randteach.stages.evaluate import Inputs as Held
from randteach.stages.recorder import State, Tensors

CPU = torch.device("cpu")
HELD = 4  # splits' samples that a worker keeps on its device between jobs


def open_samples(samples: Samples, split: str, context: Context, device: torch.device = CPU) -> Split:
    """The split that samples are taken from, by this machine's reader."""
    noise, holds = DATASETS[samples.name].noise, str(device) if context.loader == "device" else "cpu"
    if noise and samples.of:
        data = open_samples(samples.of, split, context)
        return changed(samples.name, noise, data, indices_of(data, samples.of), samples.seed or 0, holds)
    return open_split(
        samples.name,
        split,
        size=samples.size,
        channels=samples.channels,
        loader=context.loader,
        root=context.root,
        cache=context.cache,
        device=holds,
        count=samples.count if noise else None,
        sigma=1.0 if samples.sigma is None else samples.sigma,
        seed=samples.seed or 0,
        data_cache=context.data_cache,
    )


def read(jobs: Iterable[Job]) -> Reads:
    """The splits of images that jobs read."""
    found = {item for job in jobs for item in job.spec.reads}
    found |= {(samples.of, split) for samples, split in found if samples.of}
    return {(samples, split) for samples, split in found if not DATASETS[samples.name].noise}


def prepare_data(jobs: Iterable[Job], context: Context) -> None:
    """Prepare every data set that jobs read, before anything starts."""
    for samples, split in read(jobs):
        open_samples(samples, split, context)


def indices_of(data: Split, samples: Samples) -> np.ndarray:
    """Which of a split's samples are used: nested, and class-balanced where they have labels."""
    if DATASETS[samples.name].noise:
        return np.arange(samples.count)
    labels = np.zeros(data.count, np.int64) if data.labels is None else data.labels
    return balanced(labels, samples.count, samples.holdout)


class JobInputs(Inputs):
    """The inputs of a job's missing `steps`."""

    def __init__(self, job: Job, steps: Set[int | None], context: Context, recorder: JobRecorder) -> None:
        self.job, self.steps, self.context, self.recorder = job, steps, context, recorder
        self.device, self.features, self.states = recorder.device, context.features, job.states

    def samples(self, samples: Samples, split: str = "train") -> tuple[Split, np.ndarray]:
        """The split that samples are taken from, and which of its samples they are."""
        data = open_samples(samples, split, self.context, self.device)
        return data, indices_of(data, samples)

    def labelled(
        self, samples: Samples, test_count: int, normalised_by: Samples | None
    ) -> tuple[Split, Split, dict[str, np.ndarray]]:
        """A labelled set's two splits, and which samples are "train", "val" and "test"."""
        train = open_samples(samples, "train", self.context, self.device)
        test = open_samples(samples, "test", self.context, self.device)
        assert train.labels is not None and test.labels is not None
        indices = {
            "train": indices_of(train, samples),
            "val": held_out(train.labels, samples.holdout),
            "test": balanced(test.labels, test_count),
        }
        if normalised_by:
            source = open_samples(normalised_by, "train", self.context, self.device)
            train, test = _with_statistics(train, source), _with_statistics(test, source)
        return train, test, indices

    def held(self, samples: Samples, split: str, count: int) -> Held:
        """So many samples of a split on the device; a worker keeps them for the next job."""
        held = self.context.held
        name = repr((samples, split, count, str(self.device)))
        if name not in held:
            data = open_samples(samples, split, self.context, self.device)
            assert data.labels is not None
            indices = indices_of(data, samples) if split == "train" else balanced(data.labels, count)
            while len(held) >= HELD:
                del held[next(iter(held))]
            held[name] = Held(data, indices, self.device)
        return held[name]

    def encoder(self, reference: Reference, size: int) -> Callable[[torch.Tensor], torch.Tensor]:
        """A reference as a function x_BCHW -> features_BD, frozen and in evaluation mode."""
        if isinstance(reference, Pixels):
            return partial(torch.flatten, start_dim=1)
        if isinstance(reference, Draw):
            return drawn_encoder(reference, size, self.device, self.calibration(reference))
        encoder = nets.build(reference.net, reference.channels, size)
        encoder.load_state_dict(self._stored(reference, "encoder"))
        return to_device(encoder.requires_grad_(False), self.device).eval()

    def network(self, reference: Network, size: int, *also: str) -> dict[str, torch.Tensor]:
        """An encoder's weights and buffers as `encoder.NAME`; `also`: a snapshot's further parts."""
        if isinstance(reference, Draw):
            about = (reference.net, reference.channels, size, reference.role, reference.seed)
            return _named("encoder", nets.draw_encoder(*about).state_dict())
        found = _named("encoder", self._stored(reference, "encoder"))
        for part in also:
            found |= _named(part, self._stored(reference, part))
        return found

    def state(self, reference: Network) -> Tensors:
        """What a training goes on with from a snapshot: a student's head among it, by their full names."""
        assert isinstance(reference, Snapshot), "a draw has no state"
        return self.context.store.weights(Artifact("state", reference.key, reference.step), "state")

    def calibration(self, reference: Reference) -> Callable[[], Iterator[torch.Tensor]] | None:
        """The inputs that a calibrated draw's norm layers have to see."""
        base = reference.calibrated_on if isinstance(reference, Draw) else None
        if not base:
            return None
        data, indices = self.samples(base)
        return partial(inputs, data, indices, self.device)

    def mask(self, key: str | None) -> Masks | None:
        """A mask by its key."""
        if key is None:
            return None
        artifact, store = Artifact("mask", key), self.context.store
        return unpack(store.json(artifact, "config"), store.weights(artifact, "mask"))

    def ready(self) -> None:
        """Everything is opened: from here on time is the stage's own."""
        self.recorder.begin()

    def parts(self, start: int = 0) -> Iterator[tuple[State | None, list[int]]]:
        """A trajectory's missing steps in parts, and the state that each goes on from."""
        for state, steps in parts(self.context.store, self.job, self.steps, start):
            self.recorder.begin(state.step if state else start, state.numerics if state else "")
            yield state, steps

    def _stored(self, snapshot: Snapshot, name: str) -> Tensors:
        """Tensors of a snapshot, whose config must hash to its key."""
        artifact = Artifact(snapshot.kind, snapshot.key, snapshot.step)
        self.context.store.read(artifact, "config.json")
        return self.context.store.weights(artifact, name)


def _with_statistics(data: Split, source: Split) -> Split:
    """A split whose images are normalised as those of another one."""
    own = copy(data)
    own.mean, own.std = source.mean, source.std
    return own


def _named(part: str, tensors: Tensors) -> dict[str, torch.Tensor]:
    """Tensors with the name of their part before their own."""
    return {f"{part}.{name}": value for name, value in tensors.items()}
