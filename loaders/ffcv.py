"""Images read by FFCV from its own file, behind a wrapper that can neither hang nor surprise.

FFCV orders, drops and seeds by rules of its own, reuses the memory of batches, and blocks for ever
where its thread fails. Here it is given each epoch's samples in order, batches are copied out, its
thread is watched, and ended with the epoch, also after an early break.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np
import torch

from loaders.beton import Beton, threads_kept
from loaders.errors import LoaderError
from loaders.order import Indices
from loaders.protocol import Batch, Plan, Reader, plan

PATIENCE = 0.5  # seconds between looks at the thread


class FFCVSplit:
    """A split in an FFCV file; one FFCV loader a file and process serves all readers."""

    def __init__(self, name: str, split: str, beton: Beton) -> None:
        self.name, self.split, self.mean, self.std = name, split, beton.mean, beton.std
        self.path, self.count = beton.path, beton.count
        with threads_kept():
            from ffcv.reader import Reader as FFCVFile

            file = FFCVFile(str(self.path), {})
        labels: Indices = file.metadata["f1"].astype(np.int64).reshape(-1)
        self.labels: Indices | None = labels if beton.labelled else None
        channels, height, width = (int(n) for n in file.handlers["image"].shape)
        self.shape = (channels, height, width)

    def reader(
        self,
        batch_size: int,
        *,
        indices: Indices | None = None,
        seed: int | None = None,
        drop_last: bool = False,
        purpose: int = 0,
    ) -> Reader:
        """A reader of some of the samples."""
        order = plan(self.count, batch_size, indices, seed, drop_last, purpose)
        return FFCVReader(self.path, order, self.labels is not None)


class FFCVReader:
    """Batches as FFCV reads them, copied out of its ring of buffers."""

    def __init__(self, path: Path, plan: Plan, labelled: bool = True) -> None:
        self.path, self.plan, self.labelled = path, plan, labelled
        self.open: list[Any] = []

    def __len__(self) -> int:
        return len(self.plan)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch."""
        order = self.plan.order(epoch, start)
        if not len(order):
            return
        with threads_kept():
            thread = _start(self.path, self.plan.batch_size, order)
        self.open.append(thread)
        try:
            for at in range(0, len(order), self.plan.batch_size):
                images, labels, index = _next(thread)
                expected = torch.from_numpy(order[at : at + self.plan.batch_size].copy())
                if not torch.equal(index, expected):
                    raise LoaderError(f"{self.path}: FFCV gave other samples than it was asked for")
                yield Batch(expected, images.clone(), labels.clone() if self.labelled else None)
        finally:
            self._end(thread)

    def close(self) -> None:
        """End the threads of epochs that were left open."""
        for thread in list(self.open):
            self._end(thread)

    def _end(self, thread: Any) -> None:
        thread.iter_ixes = iter(())  # the batch that it is at is its last
        while thread.is_alive():
            _drain(thread)
            thread.join(0.001)
        thread.close()
        if thread in self.open:
            self.open.remove(thread)


def _drain(thread: Any) -> None:
    try:
        while True:
            thread.output_queue.get_nowait()
    except Empty:
        pass


def _next(thread: Any) -> Any:
    """The next batch of FFCV's thread; LoaderError with its cause where the thread has died."""
    while True:
        alive = thread.is_alive()  # asked first: what it put before its end is in the queue
        try:
            result = thread.output_queue.get(timeout=PATIENCE)
        except Empty:
            if alive:
                continue
            result = None
        if result is None:
            raise LoaderError(f"FFCV's thread has ended early: {thread.error!r}") from thread.error
        return result[1]


def _start(path: Path, batch_size: int, order: Indices) -> Any:
    """Start a thread of FFCV that reads these samples."""
    loader, epoch_class = _loader(path)
    loader.batch_size = batch_size
    return epoch_class(loader, order.astype(np.uint64))


@cache
def _loader(path: Path) -> tuple[Any, type]:
    """Open FFCV's loader of a file, with an epoch thread that keeps its failure for whoever waits."""
    from ffcv.fields.decoders import IntDecoder, NDArrayDecoder
    from ffcv.loader import Loader
    from ffcv.loader.epoch_iterator import EpochIterator
    from ffcv.transforms import Squeeze, ToTensor

    class Epoch(EpochIterator):  # type: ignore[misc]
        error: BaseException | None = None

        def run(self) -> None:
            try:
                super().run()
            except BaseException as error:
                self.error = error
                self.output_queue.put(None)

        def close(self) -> None:
            super().close()
            self.closed = True

    loader = Loader(
        str(path),
        batch_size=1,
        num_workers=1,
        os_cache=True,
        pipelines={
            "image": [NDArrayDecoder(), ToTensor()],
            "label": [IntDecoder(), ToTensor(), Squeeze(1)],
            "index": [IntDecoder(), ToTensor(), Squeeze(1)],
        },
        drop_last=False,
    )
    return loader, Epoch
