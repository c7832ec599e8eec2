"""Sets in official archives: small ones in the same formats, declared with checksums of their own."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.client import BadStatusLine
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from loaders import DATASETS, DataError, ffcv_available, open_images, open_split
from loaders.datasets import DataSet, stl10, svhn, tiny_imagenet
from loaders.datasets.archive import Archive
from loaders.datasets.emnist import Emnist
from loaders.datasets.stl10 import Stl10
from loaders.datasets.svhn import Svhn
from loaders.datasets.tiny_imagenet import TinyImageNet

Split = tuple[np.ndarray, np.ndarray | None]  # images_NCHW, labels_N
NAMES = ("svhn", "stl10", "stl10_unlabeled", "tiny_imagenet", "emnist")
OFFLINE = "no internet for tests"
TRAIN, TEST = 10, 4


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError(OFFLINE)

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@dataclass(frozen=True)
class Made:
    """A small set, declared, and what is in it."""

    known: DataSet
    content: dict[str, Split]
    archives: list[Path]  # of the training and the test split


def make(name: str, root: Path) -> Made:
    """A small set in the official format in `root`."""
    known = DATASETS[name]
    draws = np.random.default_rng(len(name))
    content: dict[str, Split] = {
        split: (
            draws.integers(0, 256, (count, *known.shape), np.uint8),
            np.arange(count) % known.classes if known.classes else None,
        )
        for split, count in (("train", TRAIN), ("test", TEST))
    }
    return MAKERS[name](replace(known, train=TRAIN, test=TEST), content, root)


def archive(path: Path, root: Path) -> Archive:
    """The declaration of a file that is there; its address answers nobody."""
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    return Archive(str(path.relative_to(root)), f"http://localhost/{path.name}", md5)


def make_svhn(known: DataSet, content: dict[str, Split], root: Path) -> Made:
    """X (H, W, C, N) and y (N, 1) in MATLAB's format, the digit 0 as 10."""
    paths = []
    for split, (images, labels) in content.items():
        assert labels is not None
        y = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
        paths.append(root / f"{split}_32x32.mat")
        savemat(paths[-1], {"X": images.transpose(2, 3, 1, 0), "y": y}, do_compression=True)
    read = Svhn(known.name, *(archive(path, root) for path in paths)).read
    return Made(replace(known, read=read), content, paths)


def make_stl10(known: DataSet, content: dict[str, Split], root: Path) -> Made:
    """Bytes image by image, channel by channel, column by column; labels from 1; all in a tar.gz."""
    files = {"class_names.txt": b"airplane\n"}
    others = np.random.default_rng(9).integers(0, 256, (3, *known.shape), np.uint8)
    for split, (images, labels) in content.items():
        files[f"{split}_X.bin"] = images.transpose(0, 1, 3, 2).tobytes()
        own = np.arange(len(images)) % 10 if labels is None else labels
        files[f"{split}_y.bin"] = (own + 1).astype(np.uint8).tobytes()
    files["unlabeled_X.bin"] = others.tobytes()
    if not known.labelled:
        files["train_X.bin"], files["unlabeled_X.bin"] = files["unlabeled_X.bin"], files["train_X.bin"]
    path = root / "stl10_binary.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        for file, data in files.items():
            member = tarfile.TarInfo(f"stl10_binary/{file}")
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    read = Stl10(known.name, archive(path, root), known.labelled).read
    return Made(replace(known, read=read), content, [path])


def make_tiny_imagenet(known: DataSet, content: dict[str, Split], root: Path) -> Made:
    """JPEGs in a folder a class, some of them grey; validation images by a list. Classes are sorted."""
    classes = ["n03", "n01", "n02"]
    path, at = root / "tiny-imagenet-200.zip", tiny_imagenet.FOLDER
    found: dict[str, Split] = {}
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(f"{at}/wnids.txt", "\n".join(classes) + "\n")
        for label in classes:
            packed.writestr(f"{at}/train/{label}/{label}_boxes.txt", f"{label}_0.JPEG\t0\t10\t63\t58\n")
        listed: list[str] = []
        for split, (images, _) in content.items():
            names = [sorted(classes)[number * 3 // len(images)] for number in range(len(images))]
            decoded = []
            for number, (image, label) in enumerate(zip(images, names, strict=True)):
                grey = number % 2 == 1  # of one value, which JPEG keeps
                pixels = np.full((64, 64), 10 + number, np.uint8) if grey else image.transpose(1, 2, 0)
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "JPEG", quality=100)
                assert Image.open(buffer).mode == ("L" if grey else "RGB")
                decoded.append(
                    np.full(known.shape, 10 + number)
                    if grey
                    else np.asarray(Image.open(buffer)).transpose(2, 0, 1)
                )
                file = f"train/{label}/images/{label}_{number}.JPEG"
                if split == "test":
                    listed.append(f"val_{number}.JPEG\t{label}\t0\t32\t44\t62")
                    file = f"val/images/val_{number}.JPEG"
                packed.writestr(f"{at}/{file}", buffer.getvalue())
            labels = np.array([sorted(classes).index(name) for name in names])
            found[split] = np.array(decoded, np.uint8), labels
        packed.writestr(f"{at}/val/val_annotations.txt", "\n".join(listed) + "\n")
        packed.writestr(f"{at}/test/images/test_0.JPEG", b"without a label")
    read = TinyImageNet(known.name, archive(path, root)).read
    return Made(replace(known, classes=3, read=read), found, [path])


def make_emnist(known: DataSet, content: dict[str, Split], root: Path) -> Made:
    """Packed files of the IDX format, in a zip."""
    path = root / "EMNIST" / "raw" / "gzip.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as packed:
        for split, (images, labels) in content.items():
            assert labels is not None
            for file, array in (("images-idx3", images[:, 0]), ("labels-idx1", labels.astype(np.uint8))):
                header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
                name = f"gzip/emnist-balanced-{split}-{file}-ubyte.gz"
                packed.writestr(name, gzip.compress(header + array.tobytes()))
    read = Emnist(known.name, archive(path, root)).read
    return Made(replace(known, read=read), content, [path])


MAKERS: dict[str, Callable[[DataSet, dict[str, Split], Path], Made]] = {
    "svhn": make_svhn,
    "stl10": make_stl10,
    "stl10_unlabeled": make_stl10,
    "tiny_imagenet": make_tiny_imagenet,
    "emnist": make_emnist,
}


@pytest.mark.parametrize("name", NAMES)
def test_the_official_format_is_read_exactly_and_in_chunks(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (svhn, stl10, tiny_imagenet):
        monkeypatch.setattr(module, "CHUNK", 4)
    made = make(name, tmp_path)
    for split, (images, labels) in made.content.items():
        parts = list(made.known.chunks(split, tmp_path))
        assert [len(part) for part, _ in parts[:-1]] == [4] * (len(parts) - 1)
        assert len(parts) == (1 if name == "emnist" else -(-len(images) // 4))
        found_NCHW, found_N = made.known.split(split, tmp_path)
        assert found_NCHW.dtype == np.uint8 and np.array_equal(found_NCHW, images)
        assert all(part.flags.c_contiguous for part, _ in parts)
        if labels is None:
            assert found_N is None
        else:
            assert found_N is not None and found_N.dtype == np.int64 and np.array_equal(found_N, labels)


def theirs(made: Made, split: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """What torchvision's class gives of the same archive, its checksums being the small one's."""
    train, *_ = md5 = [hashlib.md5(path.read_bytes()).hexdigest() for path in made.archives]
    if made.known.name == "svhn":
        about = [["", path.name, digest] for path, digest in zip(made.archives, md5, strict=True)]
        own = type("SVHN", (datasets.SVHN,), {"split_list": dict(zip(("train", "test"), about, strict=True))})
        found = own(root, split)
        return found.data, found.labels
    if made.known.name == "emnist":
        own = type("EMNIST", (datasets.EMNIST,), {"md5": train})
        found = own(root, "balanced", train=split == "train", download=True)
        return found.data[:, None].numpy(), found.targets.numpy()
    own = type("STL10", (datasets.STL10,), {"tgz_md5": train})
    wanted = split if split == "test" or made.known.labelled else "unlabeled"
    found = own(root, wanted, download=True)
    return found.data, found.labels


@pytest.mark.parametrize("name", [name for name in NAMES if name != "tiny_imagenet"])
def test_torchvision_gives_the_same(name: str, tmp_path: Path) -> None:
    made = make(name, tmp_path)
    for split in made.content:
        images, labels = made.known.split(split, tmp_path)
        their_images, their_labels = theirs(made, split, tmp_path)
        assert np.array_equal(images, their_images)
        assert labels is None or np.array_equal(labels, their_labels)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", NAMES)
def test_a_missing_archive_says_which_file_to_put_where(name: str, split: str, tmp_path: Path) -> None:
    made = make(name, tmp_path)
    path = made.archives[-1 if split == "test" else 0]
    path.unlink()
    with pytest.raises(DataError) as caught:
        made.known.split(split, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"data.name={name}: {path} is missing or corrupt, and can't be downloaded (")
    assert OFFLINE in message
    place = f"put {path.relative_to(tmp_path)} into {tmp_path}, or name its folder with data.root"
    assert message.endswith(place)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "flipped": lambda content: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],
    "no archive": lambda content: b"<html>Not found</html>",
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_archive_is_named(name: str, damage: str, tmp_path: Path) -> None:
    made = make(name, tmp_path)
    path = made.archives[0]
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(DataError, match=f"data.name={name}: {path} is missing or corrupt"):
        made.known.split("train", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_that_is_not_the_official_one_is_refused(name: str, tmp_path: Path) -> None:
    make(name, tmp_path)
    with pytest.raises(DataError, match=f"data.name={name}: .* is missing or corrupt"):
        DATASETS[name].split("train", tmp_path)


def test_an_answer_that_is_none_is_a_failed_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object, **__: object) -> None:
        raise BadStatusLine("tea")

    monkeypatch.setattr("urllib.request.urlopen", answer)
    with pytest.raises(DataError, match=r"can't be downloaded \(tea\); put train_32x32.mat into"):
        DATASETS["svhn"].split("train", tmp_path)


def test_the_archives_are_those_that_torchvision_knows() -> None:
    def declared(name: str) -> Any:
        return getattr(DATASETS[name].read, "__self__", None)

    for split in ("train", "test"):
        own = getattr(declared("svhn"), split)
        assert [own.url, own.file, own.md5] == datasets.SVHN.split_list[split]
    kind = datasets.STL10
    assert Archive(kind.filename, kind.url, kind.tgz_md5) == declared("stl10").archive
    assert (
        Archive("EMNIST/raw/gzip.zip", datasets.EMNIST.url, datasets.EMNIST.md5) == declared("emnist").archive
    )
    assert declared("tiny_imagenet").archive.md5 == "90528d7ca1a48142e341f4ef8d21d0de"


@pytest.mark.parametrize("loader", ["memory", "ffcv"] if ffcv_available() else ["memory"])
@pytest.mark.parametrize("name", ["stl10", "stl10_unlabeled", "tiny_imagenet"])
def test_images_are_averaged_to_the_size_of_a_study(name: str, loader: str, tmp_path: Path) -> None:
    made = make(name, tmp_path)
    step = made.known.side // 32
    with DATASETS.extended(replace(made.known, name="small")):
        open_images.cache_clear()
        split = open_split(
            "small", "train", size=32, channels=3, loader=loader, root=tmp_path, cache=tmp_path / "cache"
        )
    (batch,) = split.reader(TRAIN).epoch(0)
    images, labels = made.content["train"]
    blocks = images.reshape(TRAIN, 3, 32, step, 32, step).astype(np.float64).mean((3, 5))
    small = np.round(blocks)
    assert np.array_equal(batch.images_BCHW.numpy(), small)
    assert (split.labels is None) == (labels is None)
    pixels = small.transpose(1, 0, 2, 3).reshape(3, -1) / 255
    assert split.mean == pytest.approx(pixels.mean(1), abs=6e-5)
    assert split.std == pytest.approx(pixels.std(1), abs=6e-5)
