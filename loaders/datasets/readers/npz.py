"""Arrays in an .npz: x_train, y_train, x_test, y_test, or train_images, train_labels, and so on."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from loaders.datasets.dataset import Chunk
from loaders.errors import DataError
from loaders.order import Indices
from loaders.resize import Images

IMAGES = ("x_{}", "{}_images")
LABELS = ("y_{}", "{}_labels")
CHUNK = 4096  # images


@dataclass(frozen=True)
class Npz:
    """Reads uint8 images (N, H, W), (N, H, W, C) or (N, C, H, W) of 1 or 3 channels, and whole labels (N).

    `path` is absolute, or relative to `data.root`. The file is read piece by piece, and nothing in it is
    unpickled.
    """

    path: str

    def __call__(self, split: str, root: Path) -> Iterator[Chunk]:
        """The images and labels of a split, in their order."""
        path = root / self.path
        with opened(path) as archive:
            images = _member(archive, IMAGES, split)
            if images is None:
                if split == "train":
                    raise DataError(f"{path}: has neither x_train nor train_images")
                return
            for part, labels in pairs(archive, images, _member(archive, LABELS, split), path):
                yield _channels_first(part, path), labels

    def files(self, root: Path) -> Mapping[str, Path]:
        """The file."""
        path = root / self.path
        if not path.is_file():
            raise DataError(f"{path}: is missing; put it there, or name its folder with data.root")
        return {path.name: path}


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """An .npz as the zip that it is; DataError where it can't be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: is no .npz that can be read ({error})") from None


def pairs(
    archive: zipfile.ZipFile, images: str, labels: str | None, path: Path
) -> Iterator[tuple[NDArray[Any], Indices | None]]:
    """Images in pieces, as they are stored, and their labels; DataError where these are not as many."""
    whole = None if labels is None else _whole(archive, labels, path)
    at = 0
    for part in _rows(archive, images, path):
        at += len(part)
        if whole is not None and at > len(whole):
            break
        yield part, None if whole is None else whole[at - len(part) : at]
    if whole is not None and at != len(whole):
        raise DataError(f"{path}: has {len(whole)} labels, and not as many images")


def _whole(archive: zipfile.ZipFile, name: str, path: Path) -> Indices:
    """All labels."""
    rows = list(_rows(archive, name, path))
    return _labels(np.concatenate(rows), path) if rows else np.empty(0, np.int64)


def _member(archive: zipfile.ZipFile, forms: tuple[str, ...], split: str) -> str | None:
    names = archive.namelist()
    return next((name for form in forms if (name := f"{form.format(split)}.npy") in names), None)


def _rows(archive: zipfile.ZipFile, name: str, path: Path) -> Iterator[NDArray[Any]]:
    """An array's rows in pieces."""
    with archive.open(name) as file:
        try:
            shape, dtype = _header(file)
        except ValueError as error:
            raise DataError(f"{path}: {name} can't be read ({error})") from None
        bytes_a_row = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        for at in range(0, shape[0], CHUNK):
            rows = min(CHUNK, shape[0] - at)
            content = file.read(rows * bytes_a_row)
            if len(content) != rows * bytes_a_row:
                raise DataError(f"{path}: {name} is cut off")
            yield np.frombuffer(content, dtype).reshape(rows, *shape[1:])


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array; ValueError for one of objects, or laid out by columns."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds objects, which are never unpickled; save numbers")
    if not shape or (by_columns and len(shape) > 1):
        raise ValueError("save it with numpy.ascontiguousarray")
    return shape, dtype


def _channels_first(images: NDArray[Any], path: Path) -> Images:
    """images_NCHW."""
    if images.dtype != np.uint8:
        raise DataError(f"{path}: its images are {images.dtype}; save bytes from 0 to 255 (uint8)")
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images
    raise DataError(f"{path}: its images are {images.shape}; save (N, H, W), (N, H, W, C) or (N, C, H, W)")


def _labels(labels: NDArray[Any], path: Path) -> Indices:
    """labels_N, also of an (N, 1) array."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{path}: its labels are {labels.dtype} {labels.shape}; save whole numbers (N)")
    return labels.astype(np.int64)
