"""References to modules in the mode that they are evaluated in, and features of samples, one pass."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

import numpy as np
import torch
from torch import nn

from loaders import Split
from loaders.batch import normalise
from randteach import nets
from randteach.numerics import EMBED_BATCH, MEMORY_FORMAT
from randteach.records import Draw


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

    `identity`: evaluation mode with statistics 0 and 1; `calibrated`: evaluation mode with the
    cumulative statistics of `calibration`, which gives batches x_BCHW; `batch`: each batch's own.
    """
    encoder = nets.draw_encoder(draw.net, draw.channels, size, draw.role, draw.seed)
    encoder = to_device(encoder.requires_grad_(False), device)
    if draw.norm == "calibrated":
        assert calibration is not None, "a calibrated teacher needs the samples it is calibrated on"
        calibrate(encoder, calibration())
    encoder.eval()
    if draw.norm == "batch":
        for norm in norms(encoder):
            # Without running statistics a norm layer uses its batch's, and has nothing to update.
            norm.running_mean = norm.running_var = None
    return encoder


def norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    """A network's norm layers."""
    return [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]


def calibrate(encoder: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Set each BatchNorm's buffers to the average over batches x_BCHW of their statistics."""
    _in_training(encoder, batches, None)


def reestimate(encoder: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Set each BatchNorm's buffers to mean and unbiased variance of its inputs over all samples.

    Batches x_BCHW pass in training mode, each normalised by its own statistics; what these say of all
    samples together is summed in float64, whatever the size of the last batch.
    """
    sums: dict[nn.Module, torch.Tensor] = {}  # of each layer: count, sum, sum of squares

    def seen(layer: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        assert isinstance(layer, nn.BatchNorm2d)
        assert layer.running_mean is not None and layer.running_var is not None
        count = args[0].numel() / args[0].shape[1]
        mean, variance = layer.running_mean.double(), layer.running_var.double()
        squares = variance * (count - 1) + count * mean.square()
        found = torch.stack((torch.full_like(mean, count), count * mean, squares))
        sums[layer] = sums[layer] + found if layer in sums else found

    hooks = [norm.register_forward_hook(seen) for norm in norms(encoder)]
    _in_training(encoder, batches, 1.0)  # with which the buffers are each batch's own
    for hook in hooks:
        hook.remove()
    for norm in norms(encoder):
        assert norm.running_mean is not None and norm.running_var is not None
        count, total, squares = sums[norm]
        norm.running_mean.copy_(total / count)
        norm.running_var.copy_((squares - total.square() / count) / (count - 1))


@torch.no_grad()
def _in_training(encoder: nn.Module, batches: Iterable[torch.Tensor], momentum: float | None) -> None:
    """Have batches pass in training mode, with a momentum of the norm layers' buffers for once."""
    layers = norms(encoder)
    before = [norm.momentum for norm in layers]
    for norm in layers:
        norm.reset_running_stats()
        norm.momentum = momentum
    encoder.train()
    for x_BCHW in batches:
        encoder(x_BCHW)
    for norm, own in zip(layers, before, strict=True):
        norm.momentum = own


def inputs(data: Split, indices: np.ndarray, device: torch.device) -> Iterator[torch.Tensor]:
    """The samples of `indices`, in their order, as batches x_BCHW."""
    with closing(data.reader(EMBED_BATCH, indices=indices)) as reader:
        for batch in reader.epoch(0):
            yield prepare(batch.images_BCHW, data, device)


@torch.no_grad()
def embed(function: Callable[[torch.Tensor], torch.Tensor], batches: Iterable[torch.Tensor]) -> torch.Tensor:
    """function(x_BCHW) for batches of samples: features_ND."""
    return torch.cat([function(x_BCHW) for x_BCHW in batches])
