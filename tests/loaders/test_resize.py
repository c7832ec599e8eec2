"""Sizes, channels and statistics, against numbers worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from loaders import DATASETS, DataError, open_split
from loaders.datasets import load
from loaders.resize import CHUNK, resize, statistics


def _one(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, np.uint8)[None, None]


def test_shrinking_averages_areas_and_rounds() -> None:
    image = _one(
        [
            [0, 0, 10, 20],  # areas: 1/4 -> 0, 60/4 = 15
            [0, 1, 10, 20],
            [1, 1, 255, 255],  # 3/4 -> 1, 1019/4 = 254.75 -> 255
            [1, 0, 255, 254],
        ]
    )
    assert resize(image, 2, 1).tolist() == [[[[0, 15], [1, 255]]]]
    halves = _one([[0, 1, 1, 2], [0, 1, 1, 2], [2, 3, 3, 4], [2, 3, 3, 4]])
    assert resize(halves, 2, 1).tolist() == [[[[0, 2], [2, 4]]]]  # a half goes to the even number
    overlapping = _one([[0, 4, 8], [4, 8, 12], [8, 12, 200]])  # 3 to 2: rows 0-1 and 1-2
    assert resize(overlapping, 2, 1).tolist() == [[[[4, 8], [8, 58]]]]  # 16/4, 32/4, 32/4, 232/4


def test_growing_is_bilinear_between_pixel_centres() -> None:
    # New centres lie at -0.25, 0.25, 0.75, 1.25 of the old ones; beyond the outer ones it stays level.
    rows = [[0, 25, 75, 100], [25, 50, 100, 125], [75, 100, 150, 175], [100, 125, 175, 200]]
    assert resize(_one([[0, 100], [100, 200]]), 4, 1).tolist() == [[rows]]
    assert resize(_one([[0, 2], [0, 2]]), 4, 1)[0, 0, 0].tolist() == [0, 0, 2, 2]  # 0, 0.5, 1.5, 2


def test_many_images_are_resized_one_by_one() -> None:
    images = np.random.default_rng(0).integers(0, 256, (CHUNK + 3, 3, 2, 2), np.uint8)
    found = resize(images, 1, 3)
    assert found.dtype == np.uint8 and found.flags.c_contiguous
    assert np.array_equal(found, np.rint(images.mean((2, 3), keepdims=True)).astype(np.uint8))


def test_grey_is_repeated_and_colour_is_not_made_grey() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (5, 1, 4, 4), np.uint8)
    colour = np.random.default_rng(1).integers(0, 256, (5, 3, 4, 4), np.uint8)
    for size in (2, 4, 6):
        found = resize(grey, size, 3)
        assert found.shape == (5, 3, size, size) and found.flags.c_contiguous
        for channel in range(3):
            assert np.array_equal(found[:, channel : channel + 1], resize(grey, size, 1))
    assert np.array_equal(resize(grey, 4, 1), grey) and np.array_equal(resize(colour, 4, 3), colour)
    with pytest.raises(DataError, match=r"data\.channels=1: the set has 3 channels; set data\.channels=3"):
        resize(colour, 4, 1)


def test_statistics_by_hand() -> None:
    images = np.zeros((2, 3, 1, 2), np.uint8)
    images[0, 0], images[:, 1] = 255, 51  # half white; level at 0.2; black
    assert statistics(images) == ((0.5, 0.2, 0.0), (0.5, 0.0, 0.0))
    images[0, 2, 0, 0] = 255  # a quarter: mean 1/4, deviation sqrt(3)/4
    assert statistics(images)[0][2] == 0.25 and statistics(images)[1][2] == 0.433


def test_the_tables_literals_are_those_of_the_images(tmp_path: Path) -> None:
    images, labels = load("fashion_mnist", "train", tmp_path)  # of Debian's package
    known = DATASETS["fashion_mnist"]
    assert images.shape == (known.train, *known.shape)
    assert np.bincount(labels).tolist() == [known.train // known.classes] * known.classes
    assert statistics(images) == (known.mean, known.std)


def test_a_split_carries_its_training_splits_statistics(tmp_path: Path) -> None:
    where = {"loader": "memory", "root": tmp_path, "cache": tmp_path}
    native = open_split("fashion_mnist", "test", size=28, channels=3, **where)
    known = DATASETS["fashion_mnist"]
    assert (native.mean, native.std) == (known.mean * 3, known.std * 3)
    train = resize(load("mnist5k", "train", tmp_path)[0], 7, 1)
    for split in ("train", "test"):
        small = open_split("mnist5k", split, size=7, channels=1, **where)
        assert (small.mean, small.std) == statistics(train)
