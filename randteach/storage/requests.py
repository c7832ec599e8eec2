"""Requests to an object store, by fsspec's library for it; none is repeated here."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any


class Again(Exception):
    """A request that failed for a reason that may pass."""


@dataclass(frozen=True)
class Object:
    """An object: its name, relative to what was listed, its size, when it was put, and as which version."""

    name: str
    size: int
    changed: float
    version: str = ""


class Requests(ABC):
    """What one asks of an object store.

    Requests raise Again, FileNotFoundError, FileExistsError, or another OSError for good.
    """

    bucket: str
    _client: tuple[int, Any] = (0, None)

    @property
    def client(self) -> Any:
        """The library's own object; a forked process needs one of its own."""
        if self._client[0] != os.getpid():
            self._client = os.getpid(), self.connect()
        return self._client[1]

    @abstractmethod
    def connect(self) -> Any:
        """A new client."""

    @abstractmethod
    def told(self) -> AbstractContextManager[None]:
        """What the library raises, as Again or as an OSError that says what it is."""

    def get(self, key: str, most: int | None = None) -> bytes:
        """An object's content, of one that is longer than `most` bytes more than so many."""
        span = {} if most is None else {"start": 0, "end": most + 1}
        try:
            with self.told():
                return bytes(self.client.cat_file(f"{self.bucket}/{key}", **span))
        except EOFError:  # an empty object has no first bytes
            return b""

    def put(self, key: str, content: bytes, *, new: bool) -> None:
        """Put an object, conditionally where it is to be `new`."""
        with self.told():
            self.client.pipe_file(f"{self.bucket}/{key}", content, mode="create" if new else "overwrite")

    @abstractmethod
    def head(self, key: str) -> Object:
        """What is known of an object."""

    @abstractmethod
    def objects(self, prefix: str) -> list[Object]:
        """All objects whose keys begin so."""

    @abstractmethod
    def entries(self, prefix: str) -> list[str]:
        """What follows a prefix in its keys, up to the next slash."""

    @abstractmethod
    def delete(self, keys: Sequence[str]) -> None:
        """Delete so many objects as go together, there or not."""

    @abstractmethod
    def delete_version(self, found: Object, key: str) -> None:
        """Delete an object; FileExistsError where by now it is another version than the one found."""
