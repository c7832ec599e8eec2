"""Any classification set of torchvision, or of that form: pairs of an image and a label."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loaders.datasets.dataset import Chunk
from loaders.datasets.readers.pixels import pixels
from loaders.errors import DataError
from loaders.resize import resize

CHUNK = 1024  # images


@dataclass(frozen=True)
class TorchVision:
    """Reads images as `channels` x `size` x `size` bytes, squared as `square` says.

    `make` opens a split in the folder of raw data, for example
    `lambda split, root: torchvision.datasets.SVHN(root, split=split, download=True)`. The set is trusted to
    check its own files. With `labelled` false labels are left out.
    """

    make: Callable[[str, Path], Any]
    size: int
    channels: int = 3
    square: str = "crop"
    labelled: bool = True

    def __call__(self, split: str, root: Path) -> Iterator[Chunk]:
        """The images and labels of a split, in their order."""
        try:
            found = self.make(split, root)
        except (OSError, RuntimeError, EOFError, ValueError) as error:
            raise DataError(f"{split} split: can't be had by torchvision ({error})") from None
        for at in range(0, len(found), CHUNK):
            images, labels = [], []
            for index in range(at, min(at + CHUNK, len(found))):
                image, label = found[index]
                images.append(resize(pixels(image, self.channels), self.size, self.channels, self.square))
                labels.append(int(label))
            yield np.concatenate(images), np.array(labels, np.int64) if self.labelled else None
