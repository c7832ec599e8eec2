"""Turn references into modules in evaluation, and embed samples in one pass."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import torch
from torch import nn

from loaders import Split
from loaders.batch import normalise
from randteach import nets
from randteach.environment.numerics import EMBED_BATCH, MEMORY_FORMAT
from randteach.specs import Draw

CHUNK = 1 << 18  # values in one pass over a layer's inputs on a CPU: 2 MB


def to_device(module: nn.Module, device: torch.device) -> nn.Module:
    """The module on the device, its convolutions in the fixed memory format."""
    return module.to(device=device, memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]


def prepare(images: torch.Tensor, data: Split, device: torch.device) -> torch.Tensor:
    """A loader's batch as the network's input."""
    return normalise(images, data.mean, data.std, memory_format=MEMORY_FORMAT, device=device)


def drawn_encoder(
    draw: Draw,
    size: int,
    device: torch.device,
    calibration: Callable[[], Iterable[torch.Tensor]] | None = None,
) -> nn.Module:
    """A drawn network without gradients, in the mode that its `norm` says.

    `identity`: evaluation mode with statistics 0 and 1; `calibrated`: evaluation mode with those of all
    samples of `calibration`, which gives batches x_BCHW; `batch`: each batch's own.
    """
    encoder = nets.draw_encoder(draw.net, draw.channels, size, draw.role, draw.seed)
    encoder = to_device(encoder.requires_grad_(False), device)
    if draw.norm == "calibrated":
        assert calibration is not None, "a calibrated teacher needs the samples it is calibrated on"
        reestimate(encoder, calibration())
    encoder.eval()
    if draw.norm == "batch":
        for norm in norms(encoder):
            # Without running statistics a norm layer uses its batch's, and has nothing to update.
            norm.running_mean = norm.running_var = None
    return encoder


def norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    """A network's norm layers."""
    return [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]


@torch.no_grad()
def reestimate(encoder: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Set each BatchNorm's buffers to mean and unbiased variance of its inputs over all samples.

    Batches x_BCHW pass once, each normalised by its own statistics, as in training; a batch of one sample
    is one like any other. What a layer sees is summed in float64.
    """
    seen: dict[nn.Module, Moments] = {}

    def normalise_by_batch(norm: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        batch = moments(args[0])
        seen[norm] = seen[norm] + batch if norm in seen else batch
        _set_statistics(norm, batch.mean_C, batch.squares_C / batch.count)

    # In evaluation mode a layer normalises by its buffers, which the hook sets to those of the batch.
    encoder.eval()
    hooks = [norm.register_forward_pre_hook(normalise_by_batch) for norm in norms(encoder)]
    for x_BCHW in batches:
        encoder(x_BCHW)
    for hook in hooks:
        hook.remove()
    for norm, whole in seen.items():
        _set_statistics(norm, whole.mean_C, whole.squares_C / max(1, whole.count - 1))


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared distances of values by channel, in float64."""

    count: int
    mean_C: torch.Tensor
    squares_C: torch.Tensor

    def __add__(self, other: "Moments") -> "Moments":
        """Combine two moments without a difference of large sums (Chan, Golub, LeVeque 1979)."""
        count, gap_C = self.count + other.count, other.mean_C - self.mean_C
        mean_C = self.mean_C + gap_C * (other.count / count)
        between_C = gap_C.square() * (self.count * other.count / count)
        return Moments(count, mean_C, self.squares_C + other.squares_C + between_C)


def moments(x_BCHW: torch.Tensor) -> Moments:
    """Moments of a batch's pixels, as many at a time on a CPU as its cache holds."""
    x_NC = x_BCHW.movedim(1, -1).flatten(0, -2)
    rows = max(1, CHUNK // x_NC.shape[1]) if x_NC.device.type == "cpu" else len(x_NC)
    parts = []
    for part_NC in x_NC.split(rows):
        part_NC = part_NC.double()
        mean_C = part_NC.mean(0)
        parts.append(Moments(len(part_NC), mean_C, part_NC.sub_(mean_C).square_().sum(0)))
    return reduce(add, parts)


def _set_statistics(norm: nn.Module, mean_C: torch.Tensor, var_C: torch.Tensor) -> None:
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.copy_(mean_C)
    norm.running_var.copy_(var_C)


def inputs(data: Split, indices: np.ndarray, device: torch.device) -> Iterator[torch.Tensor]:
    """The samples of `indices`, in their order, as batches x_BCHW."""
    with closing(data.reader(EMBED_BATCH, indices=indices)) as reader:
        for batch in reader.epoch(0):
            yield prepare(batch.images_BCHW, data, device)


@torch.no_grad()
def embed(function: Callable[[torch.Tensor], torch.Tensor], batches: Iterable[torch.Tensor]) -> torch.Tensor:
    """function(x_BCHW) for batches of samples: features_ND."""
    return torch.cat([function(x_BCHW) for x_BCHW in batches])


@dataclass(frozen=True)
class Features:
    """Embedded samples features_ND and their labels_N by split, "train" among them."""

    of: Mapping[str, torch.Tensor]
    labels: Mapping[str, torch.Tensor]
    classes: int


def embedded(
    encoder: Callable[[torch.Tensor], torch.Tensor],
    train: Split,
    test: Split,
    indices: Mapping[str, np.ndarray],
    device: torch.device,
) -> Features:
    """Features of the samples of "train", "test" and, where there are any, "val", held out of `train`."""
    assert train.labels is not None and test.labels is not None
    splits = {"train": (train, train.labels), "test": (test, test.labels), "val": (train, train.labels)}
    found, told = {}, {}
    for name, ix in indices.items():
        if len(ix):
            data, labels = splits[name]
            found[name] = embed(encoder, inputs(data, ix, device))
            told[name] = torch.from_numpy(labels[ix]).to(device)
    return Features(found, told, int(train.labels.max()) + 1)
