"""Data sets of one's own: a folder of images, arrays in an .npz, and what torchvision has."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from loaders import DATASETS, DataError, ffcv_available, open_images, open_split
from loaders.datasets import DataSet
from loaders.datasets.files import checksum
from loaders.datasets.readers import ImageFolder, Npz, TorchVision
from loaders.resize import resize
from loaders.source import Raw, held

DRAWS = np.random.default_rng(0)
IMAGES = DRAWS.integers(0, 256, (6, 8, 10, 3), np.uint8)
LABELS = np.array([0, 0, 1, 1, 2, 2])
LOADERS = ["memory", "ffcv"] if ffcv_available() else ["memory"]


def declared(read: Any, shape: tuple[int, int, int], **about: Any) -> DataSet:
    facts = {"classes": 3, "train": 6, "test": 6, "checksum": "sha256:0", "flips": True} | about
    return DataSet("my.set", "Set", "here", "-", shape, read=read, **facts)


def folder(root: Path, images: np.ndarray = IMAGES) -> Path:
    """Images of three classes in two splits, as PNG."""
    for split in ("train", "test"):
        for at, (image, label) in enumerate(zip(images, LABELS, strict=True)):
            path = root / "images" / split / "abc"[label] / f"{at}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return root / "images"


def cropped(image_HWC: np.ndarray) -> np.ndarray:
    return image_HWC[:, 1:9].transpose(2, 0, 1)


def test_a_folder_is_read_class_by_class(tmp_path: Path) -> None:
    folder(tmp_path)
    reader = ImageFolder("images", size=8)
    known = declared(reader, (3, 8, 8), checksum=checksum(reader.files(tmp_path)))
    images, labels = known.split("train", tmp_path)
    assert np.array_equal(images, [cropped(image) for image in IMAGES])
    assert labels is not None and labels.tolist() == LABELS.tolist()
    grey = ImageFolder("images", size=4, channels=1)("test", tmp_path)
    (part, _), *rest = grey
    whole = [np.asarray(Image.fromarray(image).convert("L"))[None, None] for image in IMAGES]
    assert not rest and np.array_equal(part, np.concatenate([resize(one, 4, 1, "crop") for one in whole]))


def test_a_folder_without_classes_has_no_labels(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    for at, image in enumerate(IMAGES):
        Image.fromarray(image).save(tmp_path / "train" / f"{at}.png")
    known = declared(ImageFolder(".", 8), (3, 8, 8), classes=0, test=0)
    images, labels = known.split("train", tmp_path)
    assert images.shape == (6, 3, 8, 8) and labels is None


def test_what_is_wrong_with_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images in train/CLASS/"):
        ImageFolder("none", 8).files(tmp_path)
    path = folder(tmp_path)
    (path / "test" / "d").mkdir()
    (path / "test" / "a" / "0.png").rename(path / "test" / "d" / "0.png")
    with pytest.raises(DataError, match=r"test/d/0.png: its folder is none of a, b, c"):
        list(ImageFolder("images", 8)("test", tmp_path))
    (path / "train" / "a" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"train/a/0.png: is no image that can be read"):
        list(ImageFolder("images", 8)("train", tmp_path))


LAYOUTS: list[tuple[np.ndarray, np.ndarray]] = [
    (IMAGES[..., 0], IMAGES[..., :1].transpose(0, 3, 1, 2)),
    (IMAGES, IMAGES.transpose(0, 3, 1, 2)),
    (IMAGES.transpose(0, 3, 1, 2), IMAGES.transpose(0, 3, 1, 2)),
]


@pytest.mark.parametrize(("saved", "read"), LAYOUTS, ids=["NHW", "NHWC", "NCHW"])
@pytest.mark.parametrize("names", [("x_{}", "y_{}"), ("{}_images", "{}_labels")])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_piece_by_piece(
    tmp_path: Path,
    saved: np.ndarray,
    read: np.ndarray,
    names: tuple[str, str],
    save: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("loaders.datasets.readers.npz.CHUNK", 4)
    arrays = {names[0].format(split): np.ascontiguousarray(saved) for split in ("train", "test")}
    arrays |= {names[1].format(split): LABELS[:, None] for split in ("train", "test")}
    save(tmp_path / "set.npz", **arrays)
    for split in ("train", "test"):
        parts = list(Npz("set.npz")(split, tmp_path))
        assert [len(images) for images, _ in parts] == [4, 2]
        assert np.array_equal(np.concatenate([images for images, _ in parts]), read)
        assert (
            np.concatenate([labels for _, labels in parts if labels is not None]).tolist() == LABELS.tolist()
        )


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x_train": IMAGES.astype(np.float32)}, "its images are float32; save bytes"),
        ({"x_train": np.array([{}] * 6, object)}, "holds objects, which are never unpickled"),
        ({"x_train": np.asfortranarray(IMAGES)}, "save it with numpy.ascontiguousarray"),
        ({"x_train": IMAGES[..., :2]}, r"its images are \(6, 8, 10, 2\); save \(N, H, W\)"),
        ({"x_train": IMAGES, "y_train": LABELS * 0.5}, "its labels are float64"),
        ({"other": IMAGES}, "has neither x_train nor train_images"),
    ],
)
def test_what_is_wrong_with_arrays_is_named(tmp_path: Path, arrays: dict[str, np.ndarray], told: str) -> None:
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(DataError, match=told):
        list(Npz("set.npz")("train", tmp_path))
    (tmp_path / "set.npz").write_bytes((tmp_path / "set.npz").read_bytes()[:50])
    with pytest.raises(DataError, match=r"is no \.npz that can be read"):
        list(Npz("set.npz")("train", tmp_path))


class Pairs:
    """A set in torchvision's form."""

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.fromarray(IMAGES[index]), int(LABELS[index])


def test_pairs_of_image_and_label_are_read(tmp_path: Path) -> None:
    seen = []

    def make(split: str, root: Path) -> Pairs:
        seen.append((split, root))
        return Pairs()

    known = declared(TorchVision(make, size=8), (3, 8, 8))
    images, labels = known.split("test", tmp_path)
    assert seen == [("test", tmp_path)] and np.array_equal(images, [cropped(image) for image in IMAGES])
    assert labels is not None and labels.tolist() == LABELS.tolist()
    silent = declared(TorchVision(make, size=8, labelled=False), (3, 8, 8), classes=0)
    assert silent.split("train", tmp_path)[1] is None

    def away(split: str, root: Path) -> Pairs:
        raise RuntimeError("no network")

    with pytest.raises(DataError, match=r"train split: can't be had by torchvision \(no network\)"):
        list(TorchVision(away, 8)("train", tmp_path))


def squared(square: str, size: int) -> np.ndarray:
    """The images by hand: cropped, padded, or stretched."""
    tall = IMAGES.transpose(0, 3, 1, 2)
    if square == "crop":
        return tall[:, :, :, 1:9]
    if square == "pad":
        return np.pad(tall, ((0, 0), (0, 0), (1, 1), (0, 0)))
    means = tall.reshape(6, 3, size, 8 // size, size, 10 // size).astype(np.float64).mean((3, 5))
    return np.round(means).astype(np.uint8)


@pytest.mark.parametrize(("square", "size"), [("crop", 8), ("pad", 10), ("stretch", 2)])
@pytest.mark.parametrize("loader", LOADERS)
def test_images_are_squared_as_declared(tmp_path: Path, square: str, size: int, loader: str) -> None:
    np.savez(tmp_path / "set.npz", x_train=IMAGES, x_test=IMAGES, y_train=LABELS, y_test=LABELS)
    known = declared(Npz("set.npz"), (3, 8, 10), square=square)
    known = replace(known, checksum=checksum(known.read.files(tmp_path)))  # type: ignore[union-attr]
    assert known.side == {"crop": 8, "pad": 10, "stretch": 8}[square]
    with DATASETS.extended(known):
        open_images.cache_clear()
        split = open_split(
            "my.set", "train", size=size, channels=3, loader=loader, root=tmp_path, cache=tmp_path / square
        )
    batch = next(iter(split.reader(6).epoch(0)))
    assert np.array_equal(batch.images_BCHW.numpy(), squared(square, size))


@pytest.mark.parametrize("loader", LOADERS)
def test_a_set_without_labels_is_read_by_all_readers(tmp_path: Path, loader: str) -> None:
    known = declared(
        lambda split, root: iter([(IMAGES.transpose(0, 3, 1, 2)[..., :8], None)]), (3, 8, 8), classes=0
    )
    with DATASETS.extended(known):
        open_images.cache_clear()
        split = open_split(
            "my.set", "train", size=8, channels=3, loader=loader, root=tmp_path, cache=tmp_path
        )
    batch = next(iter(split.reader(4, seed=1).epoch(0)))
    assert split.labels is None and batch.labels_B is None and batch.images_BCHW.shape == (4, 3, 8, 8)


def test_files_are_checked_in_full_and_later_by_size_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(tmp_path)
    reader = ImageFolder("images", size=8)
    known = declared(reader, (3, 8, 8), checksum=checksum(reader.files(tmp_path)))
    about: dict[str, Any] = {
        "size": 8,
        "channels": 3,
        "loader": "memory",
        "root": tmp_path,
        "cache": tmp_path / "c",
    }

    def opened() -> None:
        open_images.cache_clear()
        open_split("my.set", "train", **about)

    with DATASETS.extended(known):
        opened()
        with monkeypatch.context() as later:
            later.setattr("loaders.datasets.files.digests", None)
            opened()  # nothing has changed, and so nothing is summed
        one = path / "test" / "a" / "0.png"
        content = one.read_bytes()
        one.write_bytes(content + b"x")
        with pytest.raises(
            DataError, match=r"its files have the checksum .*, declared is .*declare checksum="
        ):
            opened()
        one.write_bytes(content)
        opened()


def test_a_reader_that_gives_another_number_of_images_is_refused(tmp_path: Path) -> None:
    tall = IMAGES.transpose(0, 3, 1, 2)[..., :8]
    for count in (5, 7):
        known = declared(lambda split, root: iter([(tall, LABELS)]), (3, 8, 8), train=count)
        with (
            DATASETS.extended(known),
            pytest.raises(DataError, match=f"{count} images of its train split are"),
        ):
            held(Raw("my.set", "train", 8, 3, tmp_path))
