"""Files that are there whole or not at all, on a local or shared disk."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from loaders.disk import beside, replacing
from randteach.errors import UserError

__all__ = ["beside", "replacing"]


def write(path: Path, content: bytes) -> None:
    """Write a new file and flush it to the disk; FileExistsError if there is one."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def create(path: Path, content: bytes, *, flushed: bool = True) -> None:
    """Create a file whole or not at all; FileExistsError where it exists.

    One that is not `flushed` may be lost in a power cut.
    """
    temporary = beside(path)
    try:
        if flushed:
            write(temporary, content)
        else:
            temporary.write_bytes(content)
        os.link(temporary, path)
        if flushed:
            flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Give a file new content, whole at any moment; lost at most to a power cut."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def flush_folder(folder: Path) -> None:
    """Flush a folder's list of entries to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_json(path: Path) -> Any:
    """A file's JSON; None where it isn't there or is none."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def names(folder: Path) -> list[str]:
    """A folder's entries, sorted, temporary ones left out; none where it isn't there."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def ensure_writable(folder: Path, setting: str) -> None:
    """Make the folder and try what a store needs there; UserError, naming the setting, where that fails."""
    probe = folder / f".writable-{secrets.token_hex(4)}"
    with writing(folder, setting):
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()


def ensure_exclusive(folder: Path, setting: str) -> None:
    """Try that a file can't be created twice; UserError where the disk doesn't see to that."""
    probe = folder / f".exclusive-{secrets.token_hex(4)}"
    try:
        create(probe, b"")
        with suppress(FileExistsError):
            create(probe, b"")
            raise UserError(f"{setting} {folder}: can't create a file exclusively there; give another disk")
    except OSError as error:
        raise UserError(
            f"{setting} {folder}: can't create a file exclusively there, by a hard link ({error.strerror}); "
            "give a disk that can"
        ) from None
    finally:
        probe.unlink(missing_ok=True)


@contextmanager
def writing(place: Path | str, setting: str) -> Iterator[None]:
    """Turn a failed write into one message that names the setting."""
    try:
        yield
    except OSError as error:
        kind = "place" if "://" in str(place) else "folder"
        raise UserError(
            f"{setting} {place}: can't write there ({error.strerror or error}); "
            f"give a {kind} that you may write to"
        ) from None
