"""References to modules in the mode that they are evaluated in, and features of samples, one pass."""

from collections.abc import Callable
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
    draw: Draw, size: int, device: torch.device, calibration: tuple[Split, np.ndarray] | None = None
) -> nn.Module:
    """A drawn network without gradients, in the mode that its `norm` says.

    `identity`: evaluation mode with statistics 0 and 1; `calibrated`: evaluation mode with the
    cumulative statistics of `calibration`, (split, indices); `batch`: each batch's own statistics.
    """
    encoder = nets.draw_encoder(draw.net, draw.channels, size, draw.role, draw.seed)
    encoder = to_device(encoder.requires_grad_(False), device)
    if draw.norm == "calibrated":
        assert calibration is not None, "a calibrated teacher needs the samples it is calibrated on"
        calibrate(encoder, *calibration, device)
    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    encoder.eval()
    if draw.norm == "batch":
        for norm in norms:
            # Without running statistics a norm layer uses its batch's, and has nothing to update.
            norm.running_mean = norm.running_var = None
    return encoder


@torch.no_grad()
def calibrate(encoder: nn.Module, data: Split, indices: np.ndarray, device: torch.device) -> None:
    """Set each BatchNorm's buffers to the average over batches of the samples' statistics."""
    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    encoder.train()
    with closing(data.reader(EMBED_BATCH, indices=indices)) as reader:
        for batch in reader.epoch(0):
            encoder(prepare(batch.images_BCHW, data, device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@torch.no_grad()
def embed(
    function: Callable[[torch.Tensor], torch.Tensor],
    data: Split,
    indices: np.ndarray,
    device: torch.device,
) -> torch.Tensor:
    """function(x_BCHW) for the samples of `indices`, in their order: features_ND on the device."""
    parts = []
    with closing(data.reader(EMBED_BATCH, indices=indices)) as reader:
        for batch in reader.epoch(0):
            parts.append(function(prepare(batch.images_BCHW, data, device)))
    return torch.cat(parts)
