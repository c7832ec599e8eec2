"""A store's files as objects of a bucket: put whole, created by conditional puts, nothing cached but copies.

Object stores answer late, not at all, or "slow down": every request is repeated here, and only here, with
growing pauses, until its time is up. A conditional put whose answer was lost is refused when repeated;
what is there is read then, and is one's own where it is equal, since no two writers write equal content.
"""

import errno
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import TypeVar

from randteach.errors import UserError
from randteach.identity import names
from randteach.storage import LONGER, Unread
from randteach.storage.copies import Copies
from randteach.storage.requests import Again, Object, Requests

TIMES = 10  # a request is tried, over most of a minute where it fails at once
PATIENCE = 120.0  # seconds after which it is not tried again, where each try takes long
FIRST, LONGEST = 0.1, 15.0  # seconds between tries
T = TypeVar("T")


class Bucket(Requests):
    """What all object stores have in common; the requests themselves are those of the subclasses."""

    scheme: str
    pause = 10.0
    together = 1000  # objects that one request lists or deletes

    def __init__(self, bucket: str, path: str) -> None:
        self.bucket, self.prefix = bucket, f"{path}/" if path else ""
        self.address = f"{self.scheme}://{bucket}/{path}".rstrip("/")
        self.kept = Copies(self.address)

    def check(self) -> None:
        """UserError where one can't write there, or not exclusively."""
        probe = f"exclusive-{secrets.token_hex(4)}.probe"
        try:
            self.create(probe, b"one")
            with suppress(FileExistsError):
                self.create(probe, b"another")
                raise UserError(
                    f"--store {self.address}: objects can't be created exclusively there; "
                    "give an object store that knows conditional puts"
                )
        except FileNotFoundError:
            raise UserError(f"--store {self.address}: there is no such bucket; make it first") from None
        except OSError as error:
            raise UserError(
                f"--store {self.address}: can't write there ({error}); credentials, region and endpoint "
                "are taken from the environment"
            ) from None
        finally:
            with suppress(OSError):
                self.remove(probe)

    def free_bytes(self) -> int | None:
        """A bucket has no end."""
        return None

    def where(self, name: str) -> str:
        """The object's address."""
        return f"{self.address}/{name}"

    def links(self) -> list[str]:
        """There are none."""
        return []

    def read(self, name: str, most: int | None = None) -> bytes:
        """An object's content."""
        key = self._key(name)
        content = self._ask(name, lambda: self.get(key, most))
        if most is not None and len(content) > most:
            raise OSError(errno.EFBIG, LONGER.format(most), self.where(name))
        return content

    def checked(self, name: str, check: Callable[[bytes], None], most: int | None = None) -> bytes:
        """The copy on this machine where that is whole, else the object, of which a copy is kept then."""
        self._key(name)
        if (kept := self.kept.get(name)) is not None:
            with suppress(ValueError):
                check(kept)
                return kept
        content = self.read(name, most)
        check(content)
        self.kept.put(name, content)
        return content

    def exists(self, name: str) -> bool:
        """Whether there is such an object."""
        try:
            self._head(name)
        except FileNotFoundError:
            return False
        return True

    def write(self, name: str, content: bytes) -> None:
        """Put an object: it is there whole or not at all."""
        key = self._key(name)
        self._ask(name, lambda: self.put(key, content, new=False))

    replace = write

    def flush(self, folder: str) -> None:
        """What is put lasts."""
        return

    def create(self, name: str, content: bytes, *, flushed: bool = True) -> None:
        """Put an object that is not there; one that is, and is equal, is the caller's own."""
        key = self._key(name)
        try:
            self._ask(name, lambda: self.put(key, content, new=True))
        except FileExistsError:
            with suppress(FileNotFoundError):
                if self.read(name) == content:
                    return
            raise

    def log(self, name: str, lines: Sequence[str], new: int) -> None:
        """Put all lines: objects can't grow."""
        self.write(name, "".join(line + "\n" for line in lines).encode())

    def appear(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Create the objects, the last of which is the one that counts."""
        for name, content in files.items():
            if not self.exists(f"{folder}/{name}"):
                self.write(f"{folder}/{name}", content)

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """Names up to the next slash, by one listing."""
        at = f"{self._key(folder)}/{prefix}"
        return sorted(prefix + entry for entry in self._ask(folder, lambda: self.entries(at)))

    def walk(self, folder: str, depth: int, unread: Unread | None = None) -> Iterator[str]:
        """What so many slashes of the names of all objects below a folder lead to."""
        parts = (item.name.split("/") for item in self._below(folder))
        yield from dict.fromkeys("/".join(part[:depth]) for part in parts if len(part) >= depth)

    def size(self, name: str) -> int:
        """Bytes of an object, or of all below a folder."""
        with suppress(FileNotFoundError):
            return self._head(name).size
        return sum(item.size for item in self._below(name))

    def changed(self, name: str) -> float:
        """When an object was put, in seconds."""
        return self._head(name).changed

    def move(self, source: str, target: str) -> None:
        """Copy, then delete."""
        found = [f"/{item.name}" for item in self._below(source)] or [""]
        for name in found:
            self.write(target + name, self.read(source + name))
        self.remove(*(source + name for name in found))

    def take(self, source: str, target: str, content: bytes | None, most: int) -> bool:
        """Copy, then delete the version that was copied alone; of one that is too long nothing is kept."""
        try:
            found = self._head(source)
            if content != (self.read(source, most) if found.size <= most else None):
                return False
            self.write(target, content or b"")
            self._ask(source, lambda: self.delete_version(found, self._key(source)))
        except FileNotFoundError:
            return False
        except FileExistsError:
            self.remove(target)
            return False
        return True

    def remove(self, *names: str) -> None:
        """Remove objects, and all below names that have no ending, as those of folders."""
        keys = [self._key(name) for name in names]
        for name in names:
            if not PurePath(name).suffix:
                keys += [f"{self.prefix}{name}/{item.name}" for item in self._below(name)]
        for at in range(0, len(keys), self.together):
            self._ask(names[0], lambda at=at: self.delete(keys[at : at + self.together]))  # type: ignore[misc]

    def prune(self, folder: str) -> None:
        """There are no folders."""
        return

    def _below(self, folder: str) -> list[Object]:
        prefix = f"{self._key(folder)}/"
        return self._ask(folder, lambda: self.objects(prefix))

    def _head(self, name: str) -> Object:
        key = self._key(name)
        return self._ask(name, lambda: self.head(key))

    def _key(self, name: str) -> str:
        """A name's key; OSError where it would lead outside the place."""
        names.parts(name)
        return self.prefix + name

    def _ask(self, name: str, request: Callable[[], T]) -> T:
        """Make a request, again where what failed may pass; OSError at the end of patience."""
        began, tried = time.monotonic(), 0
        while True:
            try:
                return request()
            except Again as error:
                tried += 1
                if tried == TIMES or time.monotonic() - began > PATIENCE:
                    raise OSError(
                        f"{self.where(name)}: tried {tried} times, the last time: {error}"
                    ) from None
            time.sleep(min(LONGEST, FIRST * 2**tried) * random.uniform(0.5, 1.0))
