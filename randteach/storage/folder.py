"""A store's files in a folder of a local or shared disk."""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from randteach.environment import disk, paths
from randteach.storage import LONGER, Unread, broken
from randteach.storage.places import Places


class Folder(Places):
    """Files are created by hard links, and flushed. No link below the folder is followed."""

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

    def links(self) -> list[str]:
        """Links among the uppermost folders."""
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.root) as entries:
            return sorted(entry.name for entry in entries if entry.is_symlink())
        return []

    def read(self, name: str, most: int | None = None) -> bytes:
        """A file's bytes; what is no plain file is not opened."""
        path = self._path(name)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe would wait for a writer
        handle = os.open(path, flags)
        try:
            about = os.fstat(handle)
            if stat.S_ISDIR(about.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            if not stat.S_ISREG(about.st_mode):
                raise OSError(errno.EINVAL, "is no file", str(path))
            if most is not None and about.st_size > most:
                raise OSError(errno.EFBIG, LONGER.format(most), str(path))
            with open(handle, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(handle)

    def checked(self, name: str, check: Callable[[bytes], None], most: int | None = None) -> bytes:
        """The file itself."""
        content = self.read(name, most)
        check(content)
        return content

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder, or what stands in its place."""
        try:
            self._path(name).lstat()
        except OSError as error:
            if error.errno != errno.EIO and not broken(error):
                raise
            return error.errno == errno.EIO  # there is something, which can't be looked at
        return True

    def write(self, name: str, content: bytes) -> None:
        """Write a new file, flushed."""
        disk.write(self._new(name), content)

    def flush(self, folder: str) -> None:
        """Have a folder, made where there is none, and its list of entries on the disk."""
        path = self._new(folder)
        self._add(path)
        disk.flush_folder(path)

    def create(self, name: str, content: bytes, *, flushed: bool = True) -> None:
        """Create a file by a hard link."""
        disk.create(self._new(name), content, flushed=flushed)

    def replace(self, name: str, content: bytes) -> None:
        """Rename a new file to the old one's name."""
        disk.replace(self._new(name), content)

    def log(self, name: str, lines: Sequence[str], new: int) -> None:
        """Append the new lines."""
        with open(self._new(name), "a") as file:
            file.writelines(line + "\n" for line in lines[len(lines) - new :])

    def appear(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Make the folder under a hidden name, and rename it."""
        path = self._new(folder)
        if not path.exists():
            hidden = path.with_name(f".{path.name}")
            hidden.mkdir(exist_ok=True)
            for name, content in files.items():
                (hidden / name).write_bytes(content)
            hidden.rename(path)

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """A folder's entries."""
        found = (entry.name for entry in self._entries(folder))
        return sorted(name for name in found if name.startswith(prefix))

    def walk(self, folder: str, depth: int, unread: Unread | None = None) -> Iterator[str]:
        """By lists of entries alone: they say what is a folder, and nothing is looked at one by one."""
        try:
            entries = self._entries(folder)
        except OSError as error:
            if not unread:
                raise
            unread(folder, error)
            return
        for entry in entries:
            if depth == 1:
                yield entry.name
            elif entry.is_dir(follow_symlinks=False):
                for name in self.walk(f"{folder}/{entry.name}", depth - 1, unread):
                    yield f"{entry.name}/{name}"
            elif unread:
                what = errno.ELOOP if entry.is_symlink() else errno.ENOTDIR
                unread(f"{folder}/{entry.name}", OSError(what, os.strerror(what), entry.path))

    def size(self, name: str) -> int:
        """Bytes of a file, or of all below a folder."""
        path, total = self._path(name), 0
        inside = [] if path.is_symlink() else os.walk(path)
        for item in [path, *(Path(at) / file for at, _, files in inside for file in files)]:
            with suppress(OSError):  # gone meanwhile
                about = item.lstat()
                total += about.st_size if stat.S_ISREG(about.st_mode) else 0
        return total

    def changed(self, name: str) -> float:
        """When a file was changed last, in nanoseconds."""
        return self._path(name).lstat().st_mtime_ns

    def move(self, source: str, target: str) -> None:
        """Rename what is there, or what stands in its way where a folder has to be."""
        self._path(source, stray=True).rename(self._new(target))

    def take(self, source: str, target: str, content: bytes | None, most: int) -> bool:
        """Rename, look at what that has moved, and put it back where it is another."""
        if not self._is(source, content, most):
            return False
        stray = self._path(source, stray=True) != self.root / source
        try:
            self.move(source, target)
        except FileNotFoundError:
            return False
        if stray or self._is(target, content, most):
            return True
        taken = self._path(target)
        with suppress(FileExistsError):  # by now there is yet another
            os.link(taken, self._new(source))
            taken.unlink()
        return False

    def _is(self, name: str, content: bytes | None, most: int) -> bool:
        try:
            return self.read(name, most) == content
        except FileNotFoundError:
            return False
        except OSError as error:
            return broken(error) and content is None

    def remove(self, *names: str) -> None:
        """Remove files and whole folders; of a link the link itself."""
        for path in (self._path(name) for name in names):
            with suppress(FileNotFoundError, NotADirectoryError):
                if stat.S_ISDIR(path.lstat().st_mode):
                    shutil.rmtree(path, ignore_errors=True)  # others may be removing it, too
                    if path.exists():
                        shutil.rmtree(path)
                else:
                    path.unlink()

    def prune(self, folder: str) -> None:
        """Remove a folder in which nothing is left."""
        with suppress(OSError):
            self._path(folder).rmdir()

    def _entries(self, folder: str) -> list["os.DirEntry[str]"]:
        """A folder's entries, temporary ones left out; none where it isn't there."""
        path = self._path(folder)
        try:
            if path.is_symlink():
                return []
            with os.scandir(path) as entries:
                return [entry for entry in entries if not entry.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []
