"""Images to the size and channels that a study asks for, and their statistics."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from loaders.errors import DataError

Images = NDArray[np.uint8]
CHUNK = 4096
SQUARES = ("crop", "pad", "stretch")  # how images that are not square become so


def resize(images_NCHW: Images, size: int, channels: int, square: str = "") -> Images:
    """Area average when shrinking, antialiased bilinear when growing, rounded back to bytes.

    Images that are not square are cropped to their centre, padded with zeros or stretched, as `square` says.
    Grey is repeated over channels; DataError where colour would have to become grey.
    """
    have = images_NCHW.shape[1]
    if have not in (1, channels):
        raise DataError(f"data.channels={channels}: the set has {have} channels; set data.channels={have}")
    images_NCHW = _squared(images_NCHW, square)
    if images_NCHW.shape[2:] != (size, size):
        parts = torch.from_numpy(np.require(images_NCHW, requirements=("C", "W"))).split(CHUNK)
        images_NCHW = torch.cat([_resized(part, size) for part in parts]).numpy()
    if have != channels:
        images_NCHW = np.repeat(images_NCHW, channels, axis=1)
    return np.ascontiguousarray(images_NCHW)


def _squared(images_NCHW: Images, square: str) -> Images:
    """Square images; those to be stretched stay as they are."""
    height, width = images_NCHW.shape[2:]
    if height == width or square == "stretch":
        return images_NCHW
    if square == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return images_NCHW[:, :, top : top + side, left : left + side]
    if square == "pad":
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        padded = np.zeros((*images_NCHW.shape[:2], side, side), np.uint8)
        padded[:, :, top : top + height, left : left + width] = images_NCHW
        return padded
    raise DataError(f"images of {height} x {width} pixels: declare square=crop, pad or stretch")


def _resized(images: torch.Tensor, size: int) -> torch.Tensor:
    height, width = images.shape[2:]
    changed = images.float()
    if size < max(height, width):
        changed = F.adaptive_avg_pool2d(changed, (min(height, size), min(width, size)))
    if size > min(height, width):
        changed = F.interpolate(changed, size=(size, size), mode="bilinear", antialias=True)
    return changed.round().clamp(0, 255).to(torch.uint8)


class Counts:
    """How often each byte has been seen, by channel: statistics of any number of images, exact."""

    def __init__(self, channels: int) -> None:
        self.counts_C256 = np.zeros((channels, 256), np.int64)

    def add(self, images_NCHW: Images) -> None:
        """Count some images."""
        for channel, counts in enumerate(self.counts_C256):
            counts += np.bincount(images_NCHW[:, channel].ravel(), minlength=256)

    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel in [0, 1], rounded to 4 decimals."""
        mean, std = [], []
        for counts in self.counts_C256:
            total, values = int(counts.sum()), range(256)
            first = sum(int(n) * v for n, v in zip(counts, values, strict=True)) / total
            second = sum(int(n) * v * v for n, v in zip(counts, values, strict=True)) / total
            mean.append(round(first / 255, 4))
            std.append(round((second - first**2) ** 0.5 / 255, 4))
        return tuple(mean), tuple(std)


def statistics(images_NCHW: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of some images in [0, 1], rounded to 4 decimals."""
    counts = Counts(images_NCHW.shape[1])
    counts.add(images_NCHW)
    return counts.statistics()
