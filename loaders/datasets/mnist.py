"""MNIST, Fashion-MNIST and KMNIST: files of the IDX format, packed or not."""

import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loaders.datasets.archive import FAILURES
from loaders.datasets.dataset import Chunk, DataSet, compare
from loaders.errors import DataError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
# SHA-256 of the unpacked files: Debian's archives are packed anew.
FASHION_MNIST = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
# MD5 of the packed files.
MNIST = {
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}
KMNIST = {
    "train-images-idx3-ubyte": "bdb82020997e1d708af4cf47b453dcf7",
    "train-labels-idx1-ubyte": "e144d726b3acfaa3e44228e80efcd344",
    "t10k-images-idx3-ubyte": "5c965bf0a639b31b8f53240b1b52f4d7",
    "t10k-labels-idx1-ubyte": "7320c461ea6c1c855c0b718fb2a4b134",
}


@dataclass(frozen=True)
class Idx:
    """Where a set's files are looked for, and how they are checked."""

    name: str
    kind: str  # torchvision's class, and the folder that it makes
    check: Callable[[Path, str, bytes, bytes], None]  # path, file, its content, and that unpacked
    hint: str = ""  # of another way to have them

    def folders(self, root: Path) -> list[Path]:
        """Where files may be."""
        return [root / self.kind / "raw", root, *([DEBIAN] if self.hint else [])]

    def read(self, split: str, root: Path) -> Iterator[Chunk]:
        """The images and labels of a split."""
        prefix = "train" if split == "train" else "t10k"
        files = (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
        images, labels = (self._array(file, root) for file in files)
        yield images[:, None], labels.astype(np.int64)

    def _array(self, file: str, root: Path) -> NDArray[np.uint8]:
        """A checked file, from Debian's folder or torchvision's."""
        folders = self.folders(root)
        paths = [folder / (file + ending) for folder in folders for ending in (".gz", "")]
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            self._download(file, root, folders)
            path = paths[0]
        try:
            content = path.read_bytes()
            unpacked = gzip.decompress(content) if path.suffix == ".gz" else content
        except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
            raise DataError(f"{path}: can't be read ({error}); delete it and have it fetched anew") from None
        self.check(path, file, content, unpacked)
        return parsed(unpacked)

    def _download(self, file: str, root: Path, looked: list[Path]) -> None:
        from torchvision import datasets

        try:
            getattr(datasets, self.kind)(str(root), download=True)
        except FAILURES as error:
            raise DataError(
                f"data.name={self.name}: {file}.gz is not in {', '.join(map(str, looked))}, and can't be "
                f"downloaded ({error}); {self.hint}put it there, or name its folder with data.root"
            ) from None


def parsed(unpacked: bytes) -> NDArray[np.uint8]:
    """The array of an IDX file of bytes: its fourth byte is the number of dimensions, which follow."""
    dims = unpacked[3]
    shape = [int.from_bytes(unpacked[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    return np.frombuffer(unpacked, np.uint8, offset=4 + 4 * dims).reshape(shape).copy()


@dataclass(frozen=True)
class Unpacked:
    """Checks files by the SHA-256 of what is in them."""

    sha256: Mapping[str, str]

    def __call__(self, path: Path, file: str, content: bytes, unpacked: bytes) -> None:
        """DataError for another file than the official one."""
        compare(path, hashlib.sha256(unpacked).hexdigest(), self.sha256[file])


@dataclass(frozen=True)
class Packed:
    """Checks packed files by their MD5."""

    md5: Mapping[str, str]

    def __call__(self, path: Path, file: str, content: bytes, unpacked: bytes) -> None:
        """DataError for another file than the official one, or one that can't be checked."""
        if path.suffix != ".gz":
            raise DataError(f"{path}: only the packed official file can be checked; put {file}.gz there")
        compare(path, hashlib.md5(content).hexdigest(), self.md5[file])


FASHION = DataSet(
    name="fashion_mnist",
    title="Fashion-MNIST",
    source="Debian's dataset-fashion-mnist, or torchvision's",
    licence="MIT",
    shape=(1, 28, 28),
    classes=10,
    train=60_000,
    test=10_000,
    checksum="sha256:c59f468a2f672dc8",
    read=Idx(
        "fashion_mnist", "FashionMNIST", Unpacked(FASHION_MNIST), "apt-get install dataset-fashion-mnist, or "
    ).read,
    flips=True,
    mean=(0.286,),
    std=(0.353,),
)
DIGITS = DataSet(
    name="mnist",
    title="MNIST",
    source="torchvision",
    licence="CC BY-SA 3.0",
    shape=(1, 28, 28),
    classes=10,
    train=60_000,
    test=10_000,
    checksum="md5:f68b3c2dcbeaaa9f",
    read=Idx("mnist", "MNIST", Packed(MNIST)).read,
    flips=False,
    mean=(0.1307,),
    std=(0.3081,),
)
KUZUSHIJI = DataSet(
    name="kmnist",
    title="KMNIST",
    source="torchvision",
    licence="CC BY-SA 4.0",
    shape=(1, 28, 28),
    classes=10,
    train=60_000,
    test=10_000,
    checksum="md5:bdb82020997e1d70",
    read=Idx("kmnist", "KMNIST", Packed(KMNIST)).read,
    flips=False,
)
