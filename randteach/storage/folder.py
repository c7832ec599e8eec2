"""A store's files in a folder of a local or shared disk."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from randteach import disk, paths


class Folder:
    """Files are created by hard links, and flushed."""

    pause = 0.0

    def __init__(self, root: Path) -> None:
        self.root = paths.absolute(root, "--store")
        self.address = str(self.root)

    def check(self) -> None:
        """UserError where one can't write there, or where the disk has no hard links."""
        disk.ensure_writable(self.root, "--store")
        disk.ensure_exclusive(self.root, "--store")

    def free_bytes(self) -> int | None:
        """Room left on the disk; the folder need not be there yet."""
        there = next(path for path in (self.root, *self.root.parents) if path.exists())
        return shutil.disk_usage(there).free

    def where(self, name: str) -> str:
        """The path."""
        return str(self.root / name)

    def read(self, name: str) -> bytes:
        """A file's bytes."""
        return (self.root / name).read_bytes()

    def copies(self, name: str) -> Iterator[bytes]:
        """The file itself."""
        yield self.read(name)

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        return (self.root / name).exists()

    def write(self, name: str, content: bytes) -> None:
        """Write a new file, flushed."""
        disk.write(self._path(name), content)

    def flush(self, folder: str) -> None:
        """Have a folder, made where there is none, and its list of entries on the disk."""
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        disk.flush_folder(self.root / folder)

    def create(self, name: str, content: bytes, *, flushed: bool = True) -> None:
        """Create a file by a hard link."""
        disk.create(self._path(name), content, flushed=flushed)

    def replace(self, name: str, content: bytes) -> None:
        """Rename a new file to the old one's name."""
        disk.replace(self._path(name), content)

    def log(self, name: str, lines: Sequence[str], new: int) -> None:
        """Append the new lines."""
        with open(self._path(name), "a") as file:
            file.writelines(line + "\n" for line in lines[len(lines) - new :])

    def appear(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Make the folder under a hidden name, and rename it."""
        path = self.root / folder
        if not path.exists():
            hidden = path.with_name(f".{path.name}")
            hidden.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (hidden / name).write_bytes(content)
            hidden.rename(path)

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """A folder's entries."""
        return [name for name in disk.names(self.root / folder) if name.startswith(prefix)]

    def walk(self, folder: str, depth: int) -> Iterator[str]:
        """By lists of entries alone: they say what is a folder, and nothing is looked at one by one."""
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.root / folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if depth == 1:
                    yield entry.name
                elif entry.is_dir():
                    for name in self.walk(f"{folder}/{entry.name}", depth - 1):
                        yield f"{entry.name}/{name}"

    def size(self, name: str) -> int:
        """Bytes of a file, or of all below a folder."""
        path, total = self.root / name, 0
        for item in [path, *path.rglob("*")]:
            with suppress(OSError):  # gone meanwhile
                total += item.stat().st_size if item.is_file() else 0
        return total

    def changed(self, name: str) -> float:
        """When a file was changed last, in nanoseconds."""
        return (self.root / name).stat().st_mtime_ns

    def move(self, source: str, target: str) -> None:
        """Rename."""
        (self.root / source).rename(self._path(target))

    def remove(self, *names: str) -> None:
        """Remove files and whole folders."""
        for path in (self.root / name for name in names):
            with suppress(FileNotFoundError):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)  # others may be removing it, too
                    if path.exists():
                        shutil.rmtree(path)
                else:
                    path.unlink()

    def prune(self, folder: str) -> None:
        """Remove a folder in which nothing is left."""
        with suppress(OSError):
            (self.root / folder).rmdir()

    def _path(self, name: str) -> Path:
        """A path whose folder is there."""
        path = self.root / name
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
        return path
