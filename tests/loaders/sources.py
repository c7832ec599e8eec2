"""A source of images that are held already."""

from collections.abc import Iterator

from loaders.datasets import Chunk
from loaders.order import Indices
from loaders.resize import Images
from loaders.source import Statistics


class Given:
    """Gives its images in chunks of 1,000."""

    def __init__(self, images: Images, labels: Indices | None, *statistics: tuple[float, ...]) -> None:
        self.images, self.labels, self._statistics = images, labels, statistics
        self.count, self.labelled = len(images), labels is not None
        channels, height, width = images.shape[1:]
        self.shape = (channels, height, width)

    def chunks(self) -> Iterator[Chunk]:
        for at in range(0, self.count, 1000):
            part = slice(at, at + 1000)
            yield self.images[part], None if self.labels is None else self.labels[part]

    def statistics(self) -> Statistics:
        mean, std = self._statistics
        return mean, std
