"""Images held in memory, on a device when asked for; random inputs are held the same way."""

from collections.abc import Iterator

import torch

from loaders.order import Indices
from loaders.protocol import Batch, Plan, Reader, plan


class MemorySplit:
    """A split as one tensor."""

    def __init__(
        self,
        name: str,
        split: str,
        images: torch.Tensor,
        labels: Indices | None,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        device: str = "cpu",
    ) -> None:
        self.name, self.split, self.mean, self.std, self.labels = name, split, mean, std, labels
        self.count, channels, height, width = images.shape
        self.shape = (channels, height, width)
        self.images = images.to(device)
        self.labels_N = None if labels is None else torch.from_numpy(labels).to(device)

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
        return MemoryReader(self, plan(self.count, batch_size, indices, seed, drop_last, purpose))


class MemoryReader:
    """Gathers each batch; the order goes to the device once an epoch."""

    def __init__(self, data: MemorySplit, plan: Plan) -> None:
        self.data, self.plan = data, plan

    def __len__(self) -> int:
        return len(self.plan)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch."""
        order = torch.from_numpy(self.plan.order(epoch, start).copy())
        for index in order.to(self.data.images.device).split(self.plan.batch_size):
            if len(index):
                # index_select copies whole images; indexing by brackets goes pixel by pixel.
                labels = None if self.data.labels_N is None else self.data.labels_N.index_select(0, index)
                yield Batch(index, self.data.images.index_select(0, index), labels)

    def close(self) -> None:
        """Nothing to end."""
