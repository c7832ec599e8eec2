"""Images in a folder: FOLDER/train/CLASS/*.png and FOLDER/test/CLASS/*.png, or without classes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from loaders.datasets.dataset import Chunk
from loaders.datasets.readers.pixels import pixels
from loaders.errors import DataError
from loaders.resize import Images, resize

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
CHUNK = 1024  # images


@dataclass(frozen=True)
class ImageFolder:
    """Reads images of any size as `channels` x `size` x `size` bytes, squared as `square` says.

    `path` is absolute, or relative to `data.root`. Classes are the folders of `train`, in order of their
    names. Images that lie in `train` itself have no labels.
    """

    path: str
    size: int
    channels: int = 3
    square: str = "crop"

    def __call__(self, split: str, root: Path) -> Iterator[Chunk]:
        """The images and labels of a split, in order of their names."""
        classes, files = self.classes(root), self._images(split, root)
        for at in range(0, len(files), CHUNK):
            part = files[at : at + CHUNK]
            images = np.concatenate([self._image(path) for path in part])
            labels = None
            if classes:
                strange = [path for path in part if path.parent.name not in classes]
                if strange:
                    raise DataError(f"{strange[0]}: its folder is none of {', '.join(classes)}")
                labels = np.array([classes.index(path.parent.name) for path in part], np.int64)
            yield images, labels

    def files(self, root: Path) -> Mapping[str, Path]:
        """All images by their paths within the folder."""
        found = {
            path.relative_to(self.folder(root)).as_posix(): path
            for split in ("train", "test")
            for path in self._images(split, root)
        }
        if not found:
            raise DataError(
                f"{self.folder(root)}: holds no images in train/CLASS/ or train/; put them there, or name "
                "another folder"
            )
        return found

    def folder(self, root: Path) -> Path:
        """Where the images are."""
        return root / self.path

    def classes(self, root: Path) -> list[str]:
        """Names of the classes; none where images have no labels."""
        folders = {path.parent.name for path in self._images("train", root)}
        return sorted(folders - {"train"})

    def _images(self, split: str, root: Path) -> list[Path]:
        folder = self.folder(root) / split
        found = [*folder.glob("*"), *folder.glob("*/*")]
        return sorted(path for path in found if path.suffix.lower() in ENDINGS and path.is_file())

    def _image(self, path: Path) -> Images:
        """An image as image_1CHW; DataError where it can't be read."""
        try:
            with Image.open(path) as image:
                image_1CHW = pixels(image, self.channels)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(f"{path}: is no image that can be read ({error}); mend or remove it") from None
        return resize(image_1CHW, self.size, self.channels, self.square)
