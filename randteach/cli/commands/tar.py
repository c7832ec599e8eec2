"""A tar of somebody else's: only plain files in it, of sizes that are known before anything is read."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from randteach.errors import UserError

PIECE = 1 << 20  # bytes that are read at once
PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)
# What `tarfile` raises; RecursionError for a long row of headers that are about the next one.
WRONG = (OSError, tarfile.TarError, ValueError, OverflowError, RecursionError)


class Pieces:
    """A file as `tarfile` takes it, of which nothing has much read at once, whatever a header says."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.seek, self.tell = file, file.seek, file.tell

    def read(self, count: int = -1) -> bytes:
        """So many bytes; ReadError for more than a piece."""
        if not 0 <= count <= PIECE:
            raise tarfile.ReadError(f"a header of {count} bytes")
        return self.file.read(count)


class Export:
    """A tar, read twice by one handle."""

    def __init__(self, source: Path, file: BinaryIO) -> None:
        self.source, self.file = source, file
        self.size = file.seek(0, io.SEEK_END)

    def members(self) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
        """Each plain file that lies whole within the tar, once; UserError for anything else."""
        there = set[str]()
        self.file.seek(0)
        try:
            tar = tarfile.TarFile(fileobj=Pieces(self.file))  # type: ignore[arg-type]
        except WRONG as error:
            raise UserError(f"{self.source}: is no export that can be read ({error})") from None
        try:
            with tar:
                for member in tar:
                    if member.type not in PLAIN or member.issparse() or member.name in there:
                        what = "is a link, a folder, a file with holes, or there twice; refused"
                        raise UserError(f"{self.source}: {member.name!r} {what}")
                    if member.offset_data + member.size > self.size:
                        raise UserError(f"{self.source}: {member.name} is cut off; export it anew")
                    there.add(member.name)
                    yield tar, member
        except WRONG as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{self.source}: is damaged ({error}); export it anew") from None

    def content(self, tar: tarfile.TarFile, member: tarfile.TarInfo, most: int) -> bytes:
        """A member's bytes; UserError for more than it may have."""
        if member.size > most:
            raise UserError(f"{self.source}: {member.name} has {member.size} bytes; {most} are allowed")
        return b"".join(self.pieces(tar, member))

    def pieces(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
        """A member's bytes, piece by piece."""
        file = tar.extractfile(member)
        while file and (piece := file.read(PIECE)):
            yield piece


@contextmanager
def opened(source: Path) -> Iterator[Export]:
    """A tar while it is read; UserError where it is none."""
    try:
        file = open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise UserError(f"{source}: is no export that can be read ({error})") from None
    with file:
        yield Export(source, file)
