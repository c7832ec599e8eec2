"""Data sets as declarations: whatever gives chunks is one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from loaders import DATASETS, DataError, open_split
from loaders.datasets import Chunk, DataSet, load
from loaders.errors import UserError


def read(split: str, root: Path) -> Iterator[Chunk]:
    """Two chunks a split."""
    images = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 1, 4, 4)
    for at in (0, 4):
        yield images[at : at + 4], np.arange(6)[at : at + 4] % 2


NOISES = ["gaussian", "pink", "patches", "shuffled_all", "shuffled_each", "phase"]
OWN = DataSet("squares", "Squares", "drawn", "-", (1, 4, 4), 2, 6, 6, "sha256:0", read, flips=True)


def test_a_data_set_is_one_declaration(tmp_path: Path) -> None:
    with DATASETS.extended(OWN):
        images, labels = load(OWN.name, "train", tmp_path)
        assert images.shape == (6, 1, 4, 4) and labels.tolist() == [0, 1, 0, 1, 0, 1]
        for loader in ("memory", "ffcv"):
            split = open_split(
                OWN.name, "train", size=4, channels=1, loader=loader, root=tmp_path, cache=tmp_path
            )
            batch = next(iter(split.reader(6).epoch(0)))
            assert np.array_equal(batch.images_BCHW.numpy(), images)
            assert split.labels is not None and split.labels.tolist() == labels.tolist()
    with pytest.raises(UserError, match="no such data set"):
        load(OWN.name, "test", tmp_path)


def test_random_inputs_have_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data.name=gaussian: random inputs have no files"):
        load("gaussian", "train", tmp_path)


def test_all_sets_are_named_once() -> None:
    names = "fashion_mnist mnist kmnist emnist svhn cifar10 cifar100 stl10 stl10_unlabeled tiny_imagenet"
    assert list(DATASETS) == [*names.split(), "mnist5k", *NOISES]
    assert [name for name, item in DATASETS.items() if item.noise] == NOISES
    unlabelled = [name for name, item in DATASETS.items() if not item.labelled]
    assert unlabelled == ["stl10_unlabeled", *NOISES]
