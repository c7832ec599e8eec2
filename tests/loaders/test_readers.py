"""FFCV and memory, byte for byte, on real images."""

import threading
from collections.abc import Callable
from itertools import islice, zip_longest
from pathlib import Path
from queue import Empty

import numpy as np
import pytest
import torch

from loaders import Batch, DataError, LoaderError, Raw, Reader, Split, ffcv_available, open_split
from loaders.order import balanced, held_out, permutation

needs_ffcv = pytest.mark.skipif(not ffcv_available(), reason="FFCV is not installed")


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    folder = tmp_path_factory.mktemp("data")
    return {
        loader: open_split("mnist5k", "test", size=16, channels=1, loader=loader, root=folder, cache=folder)
        for loader in ("memory", "ffcv")
        if loader == "memory" or ffcv_available()
    }


def _copied(batches: list[Batch]) -> list[Batch]:
    return [Batch(*(None if part is None else part.clone() for part in batch)) for batch in batches]


def _same(found: list[Batch], wanted: list[Batch]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        for ours, theirs in zip(one, other, strict=True):
            assert ours.dtype == theirs.dtype
            assert torch.equal(ours, theirs)


def _within(seconds: float, read: Callable[[], None]) -> None:
    """Run it in a thread: where it blocks for ever, the test fails instead of hanging."""
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "the reader hangs"


@needs_ffcv
@pytest.mark.parametrize("subset", [None, 37])
@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("epoch", "start", "purpose"), [(0, 0, 0), (2, 0, 1), (1, 2, 0), (0, 99, 0)])
def test_ffcv_equals_memory(
    splits: dict[str, Split],
    subset: int | None,
    seed: int | None,
    drop_last: bool,
    epoch: int,
    start: int,
    purpose: int,
) -> None:
    indices = None if subset is None else balanced(splits["memory"].labels, subset)
    found = []
    for loader in ("memory", "ffcv"):
        reader = splits[loader].reader(16, indices=indices, seed=seed, drop_last=drop_last, purpose=purpose)
        found.append(list(reader.epoch(epoch, start)))  # held: a reused buffer would show
        assert len(found[-1]) == max(0, len(reader) - start)
    _same(found[1], found[0])


@needs_ffcv
def test_ffcv_tells_the_same_of_a_split(splits: dict[str, Split]) -> None:
    one, other = splits["ffcv"], splits["memory"]
    assert (one.name, one.split, one.count, one.shape) == ("mnist5k", "test", 1000, (1, 16, 16))
    assert (one.count, one.shape, one.mean, one.std) == (other.count, other.shape, other.mean, other.std)
    assert np.array_equal(one.labels, other.labels)


@needs_ffcv
def test_readers_of_one_file_may_take_turns(splits: dict[str, Split]) -> None:
    """Each starts while others read, with a batch size of its own, and stops at its own time."""
    few = np.arange(900, 300, -1)
    readers: dict[str, list[Reader]] = {
        loader: [
            split.reader(16, seed=1),
            split.reader(7, seed=2, drop_last=True),
            split.reader(100, indices=few),
        ]
        for loader, split in splits.items()
    }
    turns = list(zip_longest(*(reader.epoch(1) for reader in readers["ffcv"])))
    for number, reader in enumerate(readers["memory"]):
        found = [turn[number] for turn in turns if turn[number] is not None]
        _same(found, list(reader.epoch(1)))


@needs_ffcv
@pytest.mark.parametrize("fails_at", [0, 2, 20])
def test_a_failure_in_ffcvs_thread_is_raised(
    splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    from ffcv.loader.epoch_iterator import EpochIterator

    run, cause = EpochIterator.run_pipeline, OSError("the disk is gone")

    def fail(self: EpochIterator, number: int, *others: object) -> object:
        if number == fails_at:
            raise cause
        return run(self, number, *others)

    monkeypatch.setattr(EpochIterator, "run_pipeline", fail)
    monkeypatch.setattr("loaders.ffcv.PATIENCE", 3600)  # told by the thread, not found out by looking
    found: list[Batch] = []
    errors: list[BaseException] = []
    before = threading.active_count()

    def read() -> None:
        try:
            found.extend(splits["ffcv"].reader(16, seed=1).epoch(0))
        except BaseException as error:
            errors.append(error)

    _within(60, read)
    (error,) = errors
    assert isinstance(error, LoaderError) and error.__cause__ is cause and "the disk is gone" in str(error)
    assert threading.active_count() == before
    monkeypatch.undo()
    _same(
        list(splits["ffcv"].reader(16, seed=1).epoch(0)), list(splits["memory"].reader(16, seed=1).epoch(0))
    )


@needs_ffcv
def test_a_thread_that_just_vanishes_is_noticed(
    splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ffcv.loader.epoch_iterator import EpochIterator

    monkeypatch.setattr(EpochIterator, "run", lambda self: None)

    def read() -> None:
        with pytest.raises(LoaderError, match="ended early"):
            next(splits["ffcv"].reader(16).epoch(0))
        raised.append(True)

    raised: list[bool] = []
    _within(60, read)
    assert raised


@needs_ffcv
def test_a_batch_put_at_the_last_moment_is_read() -> None:
    """By a thread that ends between the reader's wait for a batch and its look at the thread."""
    from loaders.ffcv import _next

    class Late:
        error, alive = None, True

        def get(self, timeout: float) -> tuple[int, str]:
            if self.alive:
                self.alive = False
                raise Empty
            return self.get_nowait()

        def get_nowait(self) -> tuple[int, str]:
            return 0, "batch"

        def is_alive(self) -> bool:
            return self.alive

        output_queue = property(lambda self: self)

    assert _next(Late()) == "batch"


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("loader", ["memory", pytest.param("ffcv", marks=needs_ffcv)])
def test_batches_are_the_callers_own(splits: dict[str, Split], loader: str, seed: int | None) -> None:
    indices = np.arange(1, 200)
    for chosen in (None, indices):
        reader = splits[loader].reader(16, indices=chosen, seed=seed)
        held = list(reader.epoch(0))
        wanted = _copied(held)
        list(reader.epoch(1))
        _same(held, wanted)  # no later batch changes them
        for batch, original in zip(reader.epoch(0), wanted, strict=True):
            _same([batch], [original])
            for part in batch:
                part.fill_(1)  # nor do they change a later one, of this epoch
        _same(list(reader.epoch(0)), wanted)  # or of the next
    assert np.array_equal(indices, np.arange(1, 200))


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
    from loaders.beton import ensure

    def source() -> Raw:
        return Raw("mnist5k", "test", 16, 1, tmp_path)

    first = ensure("set", tmp_path, source)
    content = first.path.read_bytes()
    first.path.write_bytes(content[: len(content) // 2])
    with pytest.warns(RuntimeWarning, match="damaged"):
        again = ensure("set", tmp_path, source)
    assert again.path.read_bytes() == content


def test_order_is_literally_default_rng(splits: dict[str, Split]) -> None:
    order = torch.cat([batch.index_B for batch in splits["memory"].reader(64, seed=7).epoch(3)])
    assert np.array_equal(order.numpy(), np.random.default_rng([7, 3]).permutation(1000))


def test_orders_of_two_purposes_have_nothing_in_common() -> None:
    """No training takes its samples in the order of any distillation, of any seed and epoch."""
    samples = np.arange(100)
    orders = [
        tuple(permutation(samples, seed, epoch, purpose))
        for purpose in (0, 1)
        for seed in (0, 1, 2, 2**32 - 1)
        for epoch in (0, 1, 2)
    ]
    assert len(set(orders)) == 2 * 4 * 3
    assert orders[12] == tuple(np.random.default_rng([0, 0, 1]).permutation(100))


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
