"""Parts of one large set, as CIFAR-5M comes: read in pieces, named where wrong, refused where held."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loaders import DATASETS, DataError, ffcv_available, open_images, open_split, refuse_large
from loaders.datasets import Chunk, DataSet
from loaders.datasets.files import digests, joined
from loaders.datasets.readers import NpzParts, npz

DRAWS = np.random.default_rng(0)
COUNTS = (7, 5, 6)
X = [DRAWS.integers(0, 256, (count, 32, 32, 3), np.uint8) for count in COUNTS]
Y = [DRAWS.integers(0, 10, count) for count in COUNTS]
NAMES = [f"part{number}.npz" for number in range(len(COUNTS))]


def declared(root: Path, save: Callable[..., None] = np.savez) -> DataSet:
    """Three parts in `root`/parts, declared."""
    (root / "parts").mkdir()
    for name, x, y in zip(NAMES, X, Y, strict=True):
        save(root / "parts" / name, X=x, Y=y)
    pinned = digests({name: root / "parts" / name for name in NAMES})
    read = NpzParts("parts", pinned)
    shape, whole = (3, 32, 32), joined(pinned)
    return DataSet("my.parts", "P", "here", "-", shape, 10, sum(COUNTS), 0, whole, read=read, flips=True)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_parts_are_read_in_their_order_and_in_pieces(
    save: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "CHUNK", 4)
    known = declared(tmp_path, save)
    assert [len(images) for images, _ in known.chunks("train", tmp_path)] == [4, 3, 4, 1, 4, 2]
    images, labels = known.split("train", tmp_path)
    assert np.array_equal(images, np.concatenate(X).transpose(0, 3, 1, 2)) and images.dtype == np.uint8
    assert labels is not None and np.array_equal(labels, np.concatenate(Y)) and labels.dtype == np.int64
    assert list(known.chunks("test", tmp_path)) == []


def opened(root: Path, loader: str = "memory") -> np.ndarray:
    """The images as a reader gives them."""
    open_images.cache_clear()
    about = {"size": 32, "channels": 3, "loader": loader, "root": root, "cache": root / "cache"}
    (batch,) = open_split("my.parts", "train", **about).reader(99).epoch(0)
    return batch.images_BCHW.numpy()


@pytest.mark.parametrize("loader", ["memory", "ffcv"] if ffcv_available() else ["memory"])
def test_a_part_that_is_missing_or_damaged_is_named(loader: str, tmp_path: Path) -> None:
    with DATASETS.extended(declared(tmp_path)):
        assert np.array_equal(opened(tmp_path, loader), np.concatenate(X).transpose(0, 3, 1, 2))
        path = tmp_path / "parts" / "part1.npz"
        content = path.read_bytes()
        for damage in (content[:-1], content[:9000] + bytes([content[9000] ^ 1]) + content[9001:], b""):
            path.write_bytes(damage)
            with pytest.raises(DataError, match=rf"data.name=my.parts: {path} is damaged: its SHA-256 is"):
                opened(tmp_path, loader)
        path.unlink()
        with pytest.raises(DataError, match=rf"{path}: is missing; put it there"):
            opened(tmp_path, loader)
        path.write_bytes(content)
        assert len(opened(tmp_path, loader)) == sum(COUNTS)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"X": X[1][:, :16]}, r"its images are uint8 \(16, 32, 3\); there have to be uint8 \(32, 32, 3\)"),
        ({"X": X[1].transpose(0, 3, 1, 2).copy()}, r"its images are uint8 \(3, 32, 32\)"),
        ({"X": X[1] / 255}, r"its images are float64 \(32, 32, 3\)"),
        ({"Y": Y[1] + 10}, "its labels are from 1[0-9] to 1[0-9]; there have to be 0 to 9"),
        ({"Y": Y[1] - 10}, "its labels are from -10? to -"),
        ({"Y": Y[1] / 2}, "its labels are float64"),
        ({"Y": Y[1][:-1]}, "has 4 labels, and not as many images"),
        ({"Y": np.append(Y[1], 0)}, "has 6 labels, and not as many images"),
        ({"Y": np.array([], int)}, "has 0 labels, and not as many images"),
        ({"X": np.array([{}] * 5, object)}, "holds objects, which are never unpickled"),
        ({"Z": Y[1]}, "has no array Y"),
    ],
)
def test_a_part_that_holds_something_else_is_named(
    arrays: dict[str, np.ndarray], told: str, tmp_path: Path
) -> None:
    known, path = declared(tmp_path), tmp_path / "parts" / "part1.npz"
    whole = {"X": X[1]} if "Z" in arrays else {"X": X[1], "Y": Y[1]}
    np.savez(path, **{**whole, **arrays})
    with pytest.raises(DataError, match=f"{path}: .*{told}"):
        list(known.chunks("train", tmp_path))


def test_a_damaged_packed_part_is_named_while_it_is_read(tmp_path: Path) -> None:
    known, path = declared(tmp_path, np.savez_compressed), tmp_path / "parts" / "part1.npz"
    content = path.read_bytes()
    path.write_bytes(content[:9000] + bytes(64) + content[9064:])
    with pytest.raises(DataError, match=rf"{path}: is no \.npz that can be read"):
        list(known.chunks("train", tmp_path))


def large(root: Path) -> DataSet:
    """A set of CIFAR-5M's size, whose files nobody may ask for."""

    class Untouched(NpzParts):
        def files(self, root: Path) -> dict[str, Path]:
            raise AssertionError("is read")

        def __call__(self, split: str, root: Path) -> Iterator[Chunk]:
            raise AssertionError("is read")

    return replace(declared(root), train=6_002_688, read=Untouched("parts", {}))


@pytest.mark.parametrize("loader", ["memory", "device"])
def test_a_large_set_is_held_by_no_reader(loader: str, tmp_path: Path) -> None:
    told = rf"loader={loader}: the train split of my.parts has 17.2 GiB at 3 x 32 x 32, and 8 GiB .*"
    with DATASETS.extended(large(tmp_path)), pytest.raises(DataError, match=f"{told}take loader=ffcv"):
        opened(tmp_path, loader)


def test_what_is_large_is_so_as_networks_see_it(tmp_path: Path) -> None:
    exactly = replace(large(tmp_path), train=(8 << 30) // (3 * 32 * 32))
    with DATASETS.extended(exactly):
        refuse_large("my.parts", "train", 32, 3, "loader=memory")
        refuse_large("my.parts", "test", 99, 3, "loader=memory")
        with pytest.raises(DataError, match=r"8\.5 GiB at 3 x 33 x 33"):
            refuse_large("my.parts", "train", 33, 3, "loader=memory")
    refuse_large("gaussian", "train", 999, 3, "loader=memory")  # as many as one asks for
    refuse_large("stl10_unlabeled", "train", 96, 3, "loader=memory")
