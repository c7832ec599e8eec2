"""What stages take, opened: samples from this machine's readers, weights and masks from the store."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from loaders import Split, open_split
from loaders.order import balanced, held_out
from randteach import nets
from randteach.jobs.job import Artifact
from randteach.nets.pruning import Masks, unpack
from randteach.specs import Draw, MeasureSpec, Network, Pixels, ProbeSpec, Reference, Samples, Snapshot
from randteach.stages.embed import drawn_encoder, inputs, to_device
from randteach.stages.evaluate import Inputs
from randteach.stages.recorder import Tensors

if TYPE_CHECKING:
    from randteach.engine.execute import Context

CPU = torch.device("cpu")
HELD = 4  # splits' samples that a worker keeps on its device between jobs


def open_samples(samples: Samples, split: str, context: "Context", device: torch.device = CPU) -> Split:
    """The split that samples are taken from, by this machine's reader."""
    return open_split(
        samples.name,
        split,
        size=samples.size,
        channels=samples.channels,
        loader=context.loader,
        root=context.root,
        cache=context.cache,
        device=str(device) if context.loader == "device" else "cpu",
        count=samples.count if samples.sigma is not None else None,
        sigma=1.0 if samples.sigma is None else samples.sigma,
        seed=samples.seed or 0,
        depot=context.depot,
    )


def indices_of(data: Split, samples: Samples) -> np.ndarray:
    """Which of a split's samples are used: class-balanced and nested in their number."""
    if data.labels is None:
        return np.arange(samples.count)
    return balanced(data.labels, samples.count, samples.holdout)


def labelled(
    samples: Samples, test_count: int, context: "Context", device: torch.device
) -> tuple[Split, Split, dict[str, np.ndarray]]:
    """A labelled set's two splits, and which samples are "train", "val" and "test"."""
    train = open_samples(samples, "train", context, device)
    test = open_samples(samples, "test", context, device)
    assert train.labels is not None and test.labels is not None
    indices = {
        "train": indices_of(train, samples),
        "val": held_out(train.labels, samples.holdout),
        "test": balanced(test.labels, test_count),
    }
    return train, test, indices


def held(samples: Samples, split: str, count: int, context: "Context", device: torch.device) -> Inputs:
    """So many samples of a split on the device; a worker keeps them for the next job."""
    name = repr((samples, split, count, str(device)))
    if name not in context.held:
        data = open_samples(samples, split, context, device)
        assert data.labels is not None
        indices = indices_of(data, samples) if split == "train" else balanced(data.labels, count)
        while len(context.held) >= HELD:
            del context.held[next(iter(context.held))]
        context.held[name] = Inputs(data, indices, device)
    return context.held[name]


def both(
    samples: Samples, test_count: int, context: "Context", device: torch.device
) -> tuple[Inputs, Inputs]:
    """The training and the test samples, held."""
    counts = {"train": samples.count, "test": test_count}
    train, test = (held(samples, split, count, context, device) for split, count in counts.items())
    return train, test


def encoder_of(
    spec: ProbeSpec | MeasureSpec, context: "Context", device: torch.device
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The reference as a function x_BCHW -> features_BD, frozen and in evaluation mode."""
    reference, size = spec.reference, spec.samples.size
    if isinstance(reference, Pixels):
        return partial(torch.flatten, start_dim=1)
    if isinstance(reference, Draw):
        return drawn_encoder(reference, size, device, calibration(reference, context, device))
    encoder = nets.build(reference.net, reference.channels, size)
    encoder.load_state_dict(stored(reference, context, "encoder"))
    return to_device(encoder.requires_grad_(False), device).eval()


def calibration(
    reference: Reference, context: "Context", device: torch.device
) -> Callable[[], Iterator[torch.Tensor]] | None:
    """The inputs that a calibrated draw's norm layers have to see."""
    base = reference.calibrated_on if isinstance(reference, Draw) else None
    if not base:
        return None
    data = open_samples(base, "train", context, device)
    return partial(inputs, data, indices_of(data, base), device)


def stored(snapshot: Snapshot, context: "Context", name: str) -> Tensors:
    """Tensors of a snapshot, whose config must hash to its key."""
    artifact = Artifact(snapshot.kind, snapshot.key, snapshot.step)
    context.store.read(artifact, "config.json")
    return context.store.weights(artifact, name)


def state_of(snapshot: Snapshot, context: "Context") -> Tensors:
    """What a training goes on with from a snapshot: a student's head among it, by their full names."""
    artifact = Artifact("state", snapshot.key, snapshot.step)
    return context.store.weights(artifact, "state")


def network(reference: Network, size: int, context: "Context", *also: str) -> dict[str, torch.Tensor]:
    """An encoder's weights and buffers as `encoder.NAME`; `also`: a snapshot's further parts."""
    if isinstance(reference, Draw):
        drawn = nets.draw_encoder(reference.net, reference.channels, size, reference.role, reference.seed)
        return named("encoder", drawn.state_dict())
    found = named("encoder", stored(reference, context, "encoder"))
    for part in also:
        found |= named(part, stored(reference, context, part))
    return found


def named(part: str, tensors: Tensors) -> dict[str, torch.Tensor]:
    """Tensors with the name of their part before their own."""
    return {f"{part}.{name}": value for name, value in tensors.items()}


def mask_of(key: str | None, context: "Context") -> Masks | None:
    """A mask of the store."""
    if key is None:
        return None
    artifact = Artifact("mask", key)
    config = context.store.json(artifact, "config")
    return unpack(config, context.store.weights(artifact, "mask"))
