"""Storage of a store's files: a folder of a local or shared disk, or a bucket of an object store.

Files have relative names, `done/probe/ab/KEY.json`. Both kinds give the same promises: a file that is
created is there whole or not at all, and of several that create it at once one alone succeeds. No name leads
outside: neither by its form, nor by a link in a folder.
"""

import errno
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from randteach.errors import UserError
from randteach.identity import plain

LAYOUT = "format.json"  # what makes a place a store
PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}
SMALL = 16 << 20  # bytes of a file that only says something of a sweep
# Errors that do not pass by themselves, unlike those of a disk or server that is away for a while.
BROKEN = {errno.EIO, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}
BROKEN |= {errno.EFBIG, errno.ENXIO, errno.EBADMSG, errno.EUCLEAN}
LONGER = "longer than the {} bytes that it may have"
Unread = Callable[[str, OSError], None]  # is told of a folder that can't be read


class Storage(Protocol):
    """A tree of files. What fails beside what is said raises OSError."""

    address: str  # as `--store` takes it
    pause: float  # seconds between looks, and between writes of what is only shown

    def check(self) -> None:
        """UserError, naming `--store`, where one can't write there, or not exclusively."""

    def free_bytes(self) -> int | None:
        """Room left; None where there is no end of it."""

    def where(self, name: str) -> str:
        """A file's or folder's full name, for messages."""

    def links(self) -> list[str]:
        """Links among the uppermost folders: nothing below them could be reached."""

    def read(self, name: str, most: int | None = None) -> bytes:
        """A file's bytes; FileNotFoundError where there is none. More than `most` are not read."""

    def checked(self, name: str, check: Callable[[bytes], None], most: int | None = None) -> bytes:
        """A file that never changes, or a copy of it on this machine; ValueError where `check` raises it."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file, or in a folder's storage such a folder."""

    def write(self, name: str, content: bytes) -> None:
        """Write a new file of one's own, not visibly whole; it lasts once its folder is flushed."""

    def flush(self, folder: str) -> None:
        """Flush the new files and folders in a folder."""

    def create(self, name: str, content: bytes, *, flushed: bool = True) -> None:
        """Create a file whole or not at all; FileExistsError where it exists with another content.

        One that is not `flushed` may be lost in a power cut.
        """

    def replace(self, name: str, content: bytes) -> None:
        """Give a file new content, whole at any moment."""

    def log(self, name: str, lines: Sequence[str], new: int) -> None:
        """Make a file end in these lines; the last `new` of them are not in it yet."""

    def appear(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Create a folder with these files, visible with all of them or not at all, unless it exists."""

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """A folder's entries, sorted, temporary ones left out; none where it isn't there."""

    def walk(self, folder: str, depth: int, unread: Unread | None = None) -> Iterator[str]:
        """All that is so many levels below a folder, named relative to it, in no order, by one listing.

        Folders that can't be read are left out where there is someone to tell.
        """

    def size(self, name: str) -> int:
        """Bytes of a file, or of all below a folder."""

    def changed(self, name: str) -> float:
        """When a file was changed last, on the storage's own clock."""

    def move(self, source: str, target: str) -> None:
        """Move a file or a folder; FileNotFoundError where there is none."""

    def take(self, source: str, target: str, content: bytes | None, most: int) -> bool:
        """Move a file with that content; False where it is another.

        None: one that can't be read, or has more than `most` bytes.
        """

    def remove(self, *names: str) -> None:
        """Remove files and whole folders; those that are gone are no error."""

    def prune(self, folder: str) -> None:
        """Remove a folder in which nothing is left."""


def opened(address: str | Path) -> Storage:
    """The storage at an address; UserError for one that can't be a store, or lacks its package."""
    from randteach.storage.folder import Folder

    scheme, _, place = str(address).rpartition("://")
    if not scheme:
        return Folder(Path(address))
    if scheme not in PACKAGES:
        raise UserError(f"--store {address}: a folder, s3://BUCKET/PATH or gs://BUCKET/PATH can be a store")
    bucket, _, path = place.partition("/")
    parts = [bucket, *(path.rstrip("/").split("/") if path else ())]
    if any(part in ("", ".", "..") for part in parts):
        raise UserError(f"--store {address}: names no place in a bucket; give {scheme}://BUCKET/PATH")
    if importlib.util.find_spec(PACKAGES[scheme]) is None:
        raise UserError(
            f"--store {address}: needs {PACKAGES[scheme]}, which is not installed; "
            f"pip install 'randteach[{scheme}]'"
        )
    if scheme == "s3":
        from randteach.storage.s3 import S3

        return S3(bucket, path.rstrip("/"))
    from randteach.storage.gs import GS

    return GS(bucket, path.rstrip("/"))


def broken(error: OSError) -> bool:
    """Whether a file that can't be read is damaged or gone, rather than out of reach for a while."""
    gone = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
    return gone or error.errno in BROKEN


def read_json(storage: Storage, name: str) -> dict[str, Any] | None:
    """A file's JSON object; None where it isn't there, is none, or can't be read now."""
    with suppress(OSError):
        return known_json(storage, name)
    return None


def known_json(storage: Storage, name: str) -> dict[str, Any] | None:
    """A file's JSON object; None where it isn't there or is none. OSError where nobody can tell."""
    try:
        return plain.record(storage.read(name, SMALL), finite=False)
    except ValueError:
        return None
    except OSError as error:
        if error.errno != errno.EIO and broken(error):
            return None
        raise
