"""FFCV files: written once by whoever comes first, and never read unless whole."""

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from loaders import beton, ffcv_available
from loaders.beton import Beton, ensure, threads_kept
from loaders.resize import Images
from tests.loaders.sources import Given

pytestmark = pytest.mark.skipif(not ffcv_available(), reason="FFCV is not installed")
COUNT = 20_000  # more than the 64 KiB of a pipe hold, as with any real set


def _source() -> Given:
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (COUNT, 1, 2, 2), np.uint8)
    return Given(images, draws.integers(0, 10, COUNT), (0.25,), (0.5,))


def _check(found: Beton) -> None:
    """The file holds what the source gives, to the last byte and label."""
    from loaders.ffcv import FFCVSplit

    given = _source()
    images, labels = given.images, given.labels
    assert (found.count, (found.mean, found.std)) == (COUNT, given.statistics())
    split = FFCVSplit("set", "train", found)
    assert labels is not None and np.array_equal(split.labels, labels)
    batch = next(split.reader(COUNT).epoch(0))
    assert torch.equal(batch.images_BCHW, torch.from_numpy(images))
    assert torch.equal(batch.labels_B, torch.from_numpy(labels))


Fork = Callable[..., list[int | None]]


@pytest.fixture
def fork() -> Iterator[Fork]:
    """Do each work in a process of its own, all at once: their exit codes, None where one hangs.

    No arithmetic of torch's there: its threads do not survive a fork.
    """
    with threads_kept():
        import ffcv.writer  # noqa: F401 - once, not in every process
    processes = []

    def alone(work: Callable[[], object]) -> None:
        os.setsid()  # with all that it starts it can be ended
        work()

    def forked(*works: Callable[[], object]) -> list[int | None]:
        started = [get_context("fork").Process(target=alone, args=(work,)) for work in works]
        processes.extend(started)
        for process in started:
            process.start()
        for process in started:
            process.join(30)
        return [process.exitcode for process in started]

    yield forked
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()


def test_one_of_three_processes_writes(tmp_path: Path, fork: Fork) -> None:
    folder, calls = tmp_path / "cache", tmp_path / "calls"
    together = get_context("fork").Barrier(3)

    def source() -> Given:
        with open(calls, "a") as file:
            file.write(f"{os.getpid()}\n")
        return _source()

    def work() -> None:
        together.wait()
        found = ensure("set", folder, source)
        (tmp_path / f"{os.getpid()}.found").write_text(repr(found))

    assert fork(work, work, work) == [0, 0, 0]
    assert len(calls.read_text().splitlines()) == 1
    found = ensure("set", folder, lambda: pytest.fail("it has been written"))
    assert [path.read_text() for path in tmp_path.glob("*.found")] == [repr(found)] * 3
    assert {path.name for path in folder.iterdir()} == {".set.lock", "set.json", found.path.name}
    _check(found)


@pytest.mark.parametrize("moment", ["at a sample", "before the file has its name", "before the index has"])
def test_a_killed_writer_leaves_nothing_that_is_read(tmp_path: Path, fork: Fork, moment: str) -> None:
    def be_killed() -> None:
        me, name, item, renamed = os.getpid(), Path.replace, beton._Rows.__getitem__, [0]

        def get(rows: beton._Rows, index: int) -> tuple[Images, int, int]:
            if moment == "at a sample" and index == 50:
                os.kill(me, signal.SIGKILL)  # by FFCV's own process, where it writes in one
            return item(rows, index)

        def replace(path: Path, target: Path) -> Path:
            renamed[0] += 1
            if renamed[0] == (1 if moment == "before the file has its name" else 2):
                os.kill(me, signal.SIGKILL)
            return name(path, target)

        beton._Rows.__getitem__, Path.replace = get, replace
        ensure("set", tmp_path, _source)

    assert fork(be_killed) == [-signal.SIGKILL]
    assert not (tmp_path / "set.json").exists()
    assert fork(lambda: ensure("set", tmp_path, _source)) == [0], "the next writer hangs or fails"
    _check(ensure("set", tmp_path, lambda: pytest.fail("it has been written")))


def test_a_writer_that_fails_says_so(tmp_path: Path, fork: Fork) -> None:
    """It neither hangs nor leaves a file, and the next one writes."""

    def fail() -> None:
        source = _source()
        source.labels = source.labels[:-1]
        with pytest.raises(IndexError):
            ensure("set", tmp_path, lambda: source)
        assert [path.name for path in tmp_path.iterdir()] == [".set.lock"]

    assert fork(fail) == [0], "the writer hangs or fails otherwise"
    _check(ensure("set", tmp_path, _source))


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index[: len(index) // 2],
        lambda index: "",
        lambda index: "[]",
        lambda index: json.dumps({**json.loads(index), "version": -1}),
        lambda index: json.dumps({**json.loads(index), "sha256": "0" * 64}),
        lambda index: json.dumps({**json.loads(index), "file": "gone.beton"}),
        lambda index: json.dumps({"version": beton.VERSION}),
    ],
    ids=["half", "empty", "no object", "version", "checksum", "file", "fields"],
)
def test_an_index_that_is_not_right_is_written_anew(tmp_path: Path, change: Callable[[str], str]) -> None:
    index = tmp_path / "set.json"
    first = ensure("set", tmp_path, _source)
    whole = index.read_text()
    index.write_text(change(whole))
    with pytest.warns(RuntimeWarning, match="damaged, written anew"):
        assert ensure("set", tmp_path, _source) == first
    assert index.read_text() == whole
