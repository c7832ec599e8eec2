"""`randteach dataset add`: images, an .npz or its parts, as a declaration to put into a sweep's file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from loaders.datasets import DataSet
from loaders.datasets.files import checksum, digests, joined
from loaders.datasets.readers import ImageFolder, Npz, NpzParts
from loaders.errors import DataError
from loaders.resize import Counts
from randteach.errors import UserError
from randteach.identity import names

Reader = ImageFolder | Npz | NpzParts
PART = re.compile(r"part(\d+)\.npz")
GREY = ("1", "L")  # Pillow's modes of images without colour


@dataclass(frozen=True)
class Found:
    """The facts that reading a whole set has shown."""

    shape: tuple[int, int, int]
    classes: int
    counts: dict[str, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def add(path: Path, size: int | None, name: str | None, console: Console) -> int:
    """Read a set once and print its declaration; DataError if it can't be read whole."""
    name = name or f"mylab.{_name(path)}"
    if not names.fits(names.OUTSIDE, name):
        raise UserError(f"--name {name}: takes a prefix of your own and a name, as in mylab.flowers")
    reader = _reader(path, size)
    if size and not isinstance(reader, ImageFolder):
        raise UserError(f"--size {size}: is for folders of images; leave it out, and set data.size in sweeps")
    digest = joined(reader.pinned) if isinstance(reader, NpzParts) else checksum(reader.files(Path()))
    found = _read(reader)
    mean_std = {} if not found.mean else {"mean": found.mean, "std": found.std}
    square = {"square": "crop"} if found.shape[1] != found.shape[2] else {}
    declared = DataSet(
        name=name,
        title=name.partition(".")[2],
        source=str(path),
        licence="none stated",
        shape=found.shape,
        classes=found.classes,
        train=found.counts["train"],
        test=found.counts["test"],
        checksum=digest,
        read=reader,
        flips=True,
        **mean_std,  # type: ignore[arg-type]
        **square,  # type: ignore[arg-type]
    )
    console.print(text(declared), markup=False, highlight=False, soft_wrap=True)
    return 0


def text(known: DataSet) -> str:
    """A declaration as Python."""
    lines = [f"{known.title.upper()} = rt.DataSet("]
    shown = {"name", "title", "source", "licence", "shape", "classes", "train", "test", "checksum"}
    for field in (*DataSet.__dataclass_fields__,):
        value = getattr(known, field)
        if field == "read":
            lines.append(f"    read=rt.{value!r},")
        elif field == "flips":
            lines.append(f"    flips={value},  # whether a mirrored image is still one of its class")
        elif field in shown or value not in ((), "", 1):
            spelled = f'"{value}"' if isinstance(value, str) and '"' not in value else repr(value)
            lines.append(f"    {field}={spelled},")
    return "\n".join([*lines, ")"])


def _name(path: Path) -> str:
    plain = re.sub("[^a-z0-9_]+", "_", path.stem.lower()).strip("_0123456789")
    return plain[:40] or "images"


def _reader(path: Path, size: int | None) -> Reader:
    """The reader of what is there."""
    if path.suffix == ".npz":
        return Npz(str(path))
    found = [int(part[1]) for file in path.glob("part*.npz") if (part := PART.fullmatch(file.name))]
    if not found:
        return _folder(path, size)
    names = {f"part{number}.npz": "" for number in range(max(found) + 1)}
    return NpzParts(str(path), digests(NpzParts(str(path), names).files(Path())))


def _folder(path: Path, size: int | None) -> ImageFolder:
    """A reader of a folder's images, in their own size where that is one, in colour where any has it."""
    sizes, grey = set(), True
    for file in ImageFolder(str(path), 1).files(Path()).values():
        try:
            with Image.open(file) as image:
                sizes.add(image.size)
                grey = grey and image.mode in GREY
        except OSError as error:
            raise DataError(f"{file}: is no image that can be read ({error}); mend or remove it") from None
    if size is None and len(sizes) > 1:
        smallest = min(min(pixels) for pixels in sizes)
        raise UserError(f"{path}: its images have {len(sizes)} sizes; give one, as in --size {smallest}")
    return ImageFolder(str(path), size or min(next(iter(sizes))), 1 if grey else 3)


def _read(reader: Reader) -> Found:
    counts, labels, shape = {"train": 0, "test": 0}, set[int](), (0, 0, 0)
    seen: Counts | None = None
    for split in counts:
        for images, own in _chunks(reader, split):
            shape = images.shape[1:]
            seen = seen or Counts(shape[0])
            if split == "train":
                seen.add(images)
            counts[split] += len(images)
            labels |= set() if own is None else set(map(int, np.unique(own)))
    if seen is None or not counts["train"]:
        raise DataError("its train split holds no images; put them there")
    mean, std = seen.statistics() if shape[1] == shape[2] else ((), ())
    return Found(shape, max(labels, default=-1) + 1, counts, mean, std)


def _chunks(reader: Reader, split: str) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    yield from reader(split, Path())
