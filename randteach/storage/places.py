"""Names of a store as paths in a folder: no link is followed, and what stands in the way is set aside."""

import errno
import os
import secrets
import stat
from pathlib import Path

from randteach.identity import names
from randteach.storage import LAYOUT

STRAYS = "aside/stray"  # what stood where a folder has to be
LINK = "is a link, and links in a store are not followed"


class Places:
    """The paths of names below a root."""

    root: Path

    def _path(self, name: str, *, stray: bool = False) -> Path:
        """The path of a name, whose last part alone may be a link: OSError where a folder above is one.

        `stray`: instead what stands in the way, where a folder above is a link or a file.
        """
        path = self.root
        *folders, _ = names.parts(name)
        for part in folders:
            path = path / part
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:
                break
            if stray and not stat.S_ISDIR(mode):
                return path
            if stat.S_ISLNK(mode):
                raise OSError(errno.ELOOP, LINK, str(path))
        return self.root / name

    def _new(self, name: str) -> Path:
        """The path of what is to be written, its folders made; what stands in their way is set aside."""
        path = self.root
        *folders, last = names.parts(name)
        for part in folders:
            path = path / part
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:
                self._add(path)
                continue
            if not stat.S_ISDIR(mode):
                self._set_aside(path)
                path.mkdir(exist_ok=True)
        return path / last

    def _add(self, path: Path) -> None:
        """Make a folder; FileNotFoundError where the store is gone, which is `check`'s alone to make.

        A root without the store's layout is what is left where a disk was mounted.
        """
        if path.parent == self.root and not (self.root / LAYOUT).exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.root))
        path.mkdir(exist_ok=True)

    def _set_aside(self, path: Path) -> None:
        strays = self.root / STRAYS
        if path in (strays, *strays.parents):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        path.rename(self._new(f"{STRAYS}/{path.name}-{secrets.token_hex(8)}"))
