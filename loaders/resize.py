"""Images to the size and channels that a study asks for, and their statistics."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from loaders.errors import DataError

Images = NDArray[np.uint8]
CHUNK = 4096


def resize(images_NCHW: Images, size: int, channels: int) -> Images:
    """Area average when shrinking, antialiased bilinear when growing, rounded back to bytes.

    Grey is repeated over channels; DataError where colour would have to become grey.
    """
    have, height = images_NCHW.shape[1:3]
    if have not in (1, channels):
        raise DataError(f"data.channels={channels}: the set has {have} channels; set data.channels={have}")
    if size != height:
        parts = torch.from_numpy(images_NCHW).split(CHUNK)
        images_NCHW = torch.cat([_resized(part, size) for part in parts]).numpy()
    if have != channels:
        images_NCHW = np.repeat(images_NCHW, channels, axis=1)
    return np.ascontiguousarray(images_NCHW)


def _resized(images: torch.Tensor, size: int) -> torch.Tensor:
    if size < images.shape[-1]:
        changed = F.adaptive_avg_pool2d(images.float(), size)
    else:
        changed = F.interpolate(images.float(), size=(size, size), mode="bilinear", antialias=True)
    return changed.round().clamp(0, 255).to(torch.uint8)


def statistics(images_NCHW: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel in [0, 1], exact, then rounded to 4 decimals."""
    mean, std = [], []
    for channel in range(images_NCHW.shape[1]):
        counts = np.bincount(images_NCHW[:, channel].ravel(), minlength=256)
        total, values = int(counts.sum()), range(256)
        first = sum(int(n) * v for n, v in zip(counts, values, strict=True)) / total
        second = sum(int(n) * v * v for n, v in zip(counts, values, strict=True)) / total
        mean.append(round(first / 255, 4))
        std.append(round((second - first**2) ** 0.5 / 255, 4))
    return tuple(mean), tuple(std)
