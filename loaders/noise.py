"""Random inputs: float32, already normalised, without labels, each a function of (noise, seed, index)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from loaders.batch import normalise
from loaders.memory import MemorySplit
from loaders.order import Indices
from loaders.protocol import Split
from loaders.streams import stream

CPU = torch.device("cpu")
BATCH = 1024  # images that are read at once
SQUARE = 4  # pixels, the side of a patch


@dataclass(frozen=True)
class Noise:
    """How one input is made: `sample` takes x_CHW, seed and index, and gives x_CHW.

    It is given zeros, and its values are scaled by sigma; where it is made `of_images` it is given an image
    of `data.like`, normalised, and the index that this has there.
    """

    sample: Callable[[torch.Tensor, int, int], torch.Tensor]
    of_images: bool = False


@lru_cache(maxsize=1)  # what one job takes; another seed's draw is as large as a data set
def drawn(
    name: str,
    noise: Noise,
    count: int,
    channels: int,
    size: int,
    sigma: float,
    seed: int,
    device: str = "cpu",
) -> MemorySplit:
    """`count` samples times sigma, nested in their number (paper, Figure 4)."""
    x_NCHW = torch.zeros(count, channels, size, size)
    for index, x_CHW in enumerate(x_NCHW):
        x_CHW.copy_(noise.sample(x_CHW, seed, index))
    return _split(name, x_NCHW.mul_(sigma), device)


def changed(
    name: str, noise: Noise, data: Split, indices: Indices, seed: int, device: str = "cpu"
) -> MemorySplit:
    """Images of a split, normalised and changed, in the order of `indices`."""
    x_NCHW, at = torch.empty(len(indices), *data.shape), 0
    for batch in data.reader(BATCH, indices=np.asarray(indices)).epoch(0):
        images_BCHW = normalise(
            batch.images_BCHW, data.mean, data.std, memory_format=torch.contiguous_format, device=CPU
        )
        for index, x_CHW in zip(batch.index_B.tolist(), images_BCHW, strict=True):
            x_NCHW[at] = noise.sample(x_CHW, seed, index)
            at += 1
    return _split(name, x_NCHW, device)


def _split(name: str, x_NCHW: torch.Tensor, device: str) -> MemorySplit:
    channels = x_NCHW.shape[1]
    return MemorySplit(name, "train", x_NCHW, None, (0.0,) * channels, (1.0,) * channels, device)


def gaussian(x_CHW: torch.Tensor, seed: int, index: int) -> torch.Tensor:
    """N(0, 1)."""
    return x_CHW.normal_(0.0, 1.0, generator=stream("gaussian", seed, index))


def pink(x_CHW: torch.Tensor, seed: int, index: int) -> torch.Tensor:
    """White noise filtered by 1 / f, f in cycles an image, without a mean; variance 1."""
    white_CHW = torch.empty(x_CHW.shape, dtype=torch.float64)
    white_CHW.normal_(generator=stream("pink", seed, index))
    size = x_CHW.shape[-1]
    f_H = torch.fft.fftfreq(size, 1 / size, dtype=torch.float64)
    f_HH = (f_H[:, None].square() + f_H.square()).sqrt()
    filter_HH = torch.where(f_HH > 0, 1 / f_HH, 0)
    root_mean_square = filter_HH.square().mean().sqrt()
    return torch.fft.ifft2(torch.fft.fft2(white_CHW) * filter_HH / root_mean_square).real.float()


def patches(x_CHW: torch.Tensor, seed: int, index: int) -> torch.Tensor:
    """Squares of 4 x 4 pixels, each one N(0, 1) a channel; the last ones are cut where they do not fit."""
    channels, size, _ = x_CHW.shape
    count = -(-size // SQUARE)
    values = torch.empty(channels, count, count).normal_(generator=stream("patches", seed, index))
    return values.repeat_interleave(SQUARE, 1).repeat_interleave(SQUARE, 2)[:, :size, :size]


def shuffled_all(x_CHW: torch.Tensor, seed: int, index: int) -> torch.Tensor:
    """The pixels permuted, in all images and channels alike."""
    return _permuted(x_CHW, stream("shuffled_all", seed))


def shuffled_each(x_CHW: torch.Tensor, seed: int, index: int) -> torch.Tensor:
    """The pixels permuted, in each image in another way, in its channels alike."""
    return _permuted(x_CHW, stream("shuffled_each", seed, index))


def _permuted(x_CHW: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    order = torch.randperm(x_CHW[0].numel(), generator=generator)
    return x_CHW.flatten(1)[:, order].view(x_CHW.shape)


def phase(x_CHW: torch.Tensor, seed: int, index: int) -> torch.Tensor:
    """The phases of a white image added to each channel's; spectrum and mean stay."""
    white_HW = torch.empty(x_CHW.shape[1:], dtype=torch.float64)
    white_HW.normal_(generator=stream("phase", seed, index))
    turned_HW = torch.exp(1j * torch.angle(torch.fft.fft2(white_HW)))
    turned_HW[0, 0] = 1
    return torch.fft.ifft2(torch.fft.fft2(x_CHW.double()) * turned_HW).real.float()
