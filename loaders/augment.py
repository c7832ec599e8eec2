"""Augmentations of a batch of images, by name."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from loaders.catalogue import Catalogue

Apply = Callable[[torch.Tensor, torch.Generator, int], torch.Tensor]


@dataclass(frozen=True)
class Augmentation:
    """A name, and a function of (images_BCHW, generator, pixels of padding); None leaves images as they are.

    `flips`: whether it mirrors images. A mirrored digit, for one, has no class.
    """

    name: str
    apply: Apply | None
    flips: bool = False


def flip_crop(images_BCHW: torch.Tensor, generator: torch.Generator, padding: int = 4) -> torch.Tensor:
    """Each image flipped with probability 1/2 and cropped out of its zero-padded self.

    The choices are drawn on the CPU from the generator; images stay on their device.
    """
    count, channels, height, width = images_BCHW.shape
    device = images_BCHW.device
    flip_B = torch.rand(count, generator=generator) < 0.5
    at_2B = torch.randint(0, 2 * padding + 1, (2, count), generator=generator)
    columns = torch.arange(width).expand(count, width)
    columns = torch.where(flip_B[:, None], width - 1 - columns, columns) + at_2B[1][:, None]
    rows = torch.arange(height)[None] + at_2B[0][:, None]
    padded = torch.nn.functional.pad(images_BCHW, (padding,) * 4)
    return padded[
        torch.arange(count, device=device)[:, None, None, None],
        torch.arange(channels, device=device)[None, :, None, None],
        rows.to(device, non_blocking=True)[:, None, :, None],
        columns.to(device, non_blocking=True)[:, None, None, :],
    ]


AUGMENTATIONS: Catalogue[Augmentation] = Catalogue(
    "augmentation", [Augmentation("none", None), Augmentation("flip_crop", flip_crop, flips=True)]
)
