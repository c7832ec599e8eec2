"""Data sets in a store, so that each node of a cluster has them without their raw files.

data/NAME-SHA256.safetensors   a part of a split as networks see it: images and labels
data/NAME-v2.json              its parts with their digests, and its statistics; made last
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import loaders
from loaders import prepared
from randteach.specs import Samples
from randteach.store.store import Store


class DataCache:
    """The data sets of a store."""

    def __init__(self, store: Store) -> None:
        self.storage = store.storage

    def get(self, name: str, most: int | None = None) -> bytes | None:
        """A file's bytes; None where there is none. One of more than `most` bytes is not read."""
        try:
            return self.storage.read(f"data/{name}", most)
        except FileNotFoundError:
            return None

    def publish(self, wanted: Iterable[tuple[Samples, str]], root: Path) -> None:
        """Put the splits of some samples that the data cache lacks, from their raw files in `root`.

        Raises DataError where a set is too large or can't be had whole, OSError where it can't be written.
        """
        splits = {(samples.name, split, samples.size, samples.channels) for samples, split in wanted}
        for name, split, size, channels in sorted(splits):
            loaders.refuse_large(name, split, size, channels, "--address")
            about = loaders.prepared_name(name, split, size, channels)
            if self.storage.exists(f"data/{prepared.index(about)}"):
                continue
            for file, content in prepared.pack(about, loaders.Raw(name, split, size, channels, root)):
                with suppress(FileExistsError):  # another driver's: the same
                    self.storage.create(f"data/{file}", content)
