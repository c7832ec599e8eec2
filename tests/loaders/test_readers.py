"""FFCV and memory, byte for byte, on real images."""

import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from loaders import DataError, Split, ffcv_available, open_split
from loaders.order import balanced, held_out

needs_ffcv = pytest.mark.skipif(not ffcv_available(), reason="FFCV is not installed")


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    folder = tmp_path_factory.mktemp("data")
    return {
        loader: open_split("mnist5k", "test", size=16, channels=1, loader=loader, root=folder, cache=folder)
        for loader in ("memory", "ffcv")
    }


@needs_ffcv
@pytest.mark.parametrize("subset", [None, 37])
@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("epoch", "start"), [(0, 0), (2, 0), (1, 2), (0, 99)])
def test_ffcv_equals_memory(
    splits: dict[str, Split], subset: int | None, seed: int | None, drop_last: bool, epoch: int, start: int
) -> None:
    indices = None if subset is None else balanced(splits["memory"].labels, subset)
    found = []
    for loader in ("memory", "ffcv"):
        reader = splits[loader].reader(16, indices=indices, seed=seed, drop_last=drop_last)
        found.append(list(reader.epoch(epoch, start)))  # held: a reused buffer would show
        assert len(found[-1]) == max(0, len(reader) - start)
    assert len(found[0]) == len(found[1])
    for one, other in zip(*found, strict=True):
        for ours, theirs in zip(one, other, strict=True):
            assert ours.dtype == theirs.dtype
            assert torch.equal(ours, theirs)


@needs_ffcv
def test_an_early_break_leaves_no_thread(splits: dict[str, Split]) -> None:
    before = threading.active_count()
    for _ in range(5):
        reader = splits["ffcv"].reader(8, seed=0)
        list(islice(reader.epoch(0), 2))
        epoch = reader.epoch(1)
        next(epoch)
        reader.close()
    assert threading.active_count() == before


@needs_ffcv
def test_torchs_threads_are_left_alone(splits: dict[str, Split]) -> None:
    before = torch.get_num_threads()
    list(splits["ffcv"].reader(8).epoch(0))
    assert torch.get_num_threads() == before


@needs_ffcv
def test_a_damaged_file_is_written_anew(tmp_path: Path, splits: dict[str, Split]) -> None:
    from loaders import _arrays
    from loaders.beton import ensure

    def source():  # type: ignore[no-untyped-def]
        return _arrays("mnist5k", "test", 16, 1, tmp_path)

    first = ensure("set", tmp_path, source)
    content = first.path.read_bytes()
    first.path.write_bytes(content[: len(content) // 2])
    with pytest.warns(RuntimeWarning, match="damaged"):
        again = ensure("set", tmp_path, source)
    assert again.path.read_bytes() == content


def test_order_is_literally_default_rng(splits: dict[str, Split]) -> None:
    order = torch.cat([batch.index_B for batch in splits["memory"].reader(64, seed=7).epoch(3)])
    assert np.array_equal(order.numpy(), np.random.default_rng([7, 3]).permutation(1000))


def test_subsets_are_balanced_nested_and_apart(splits: dict[str, Split]) -> None:
    labels = splits["memory"].labels
    assert labels is not None
    small, large, apart = balanced(labels, 23), balanced(labels, 24), held_out(labels, 100)
    assert set(small) < set(large)
    assert np.bincount(labels[small]).tolist() == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    assert not set(balanced(labels, 900)) & set(apart)
    with pytest.raises(DataError, match="ask for fewer"):
        balanced(labels, 901, holdout=100)


def test_indices_are_checked(splits: dict[str, Split]) -> None:
    with pytest.raises(DataError, match="0 to 999"):
        splits["memory"].reader(8, indices=np.array([1000]))
