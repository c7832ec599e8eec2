"""Keep verified local copies of files in a bucket; whoever reads one checks it."""

from contextlib import suppress
from pathlib import Path

from randteach.environment import disk
from randteach.environment.cluster import caches

ROOM = 20 << 30  # bytes that all copies may take; the oldest go first
LOOK = 1 << 30  # bytes put between looks at the room


class Copies:
    """Copies of one store's objects; a copy that can't be kept is no error."""

    def __init__(self, address: str) -> None:
        self.home = caches() / "store"
        self.root = self.home / address.replace("://", "/")
        self._since = LOOK

    def get(self, name: str) -> bytes | None:
        """The copy of an object; None where there is none."""
        try:
            return (self.root / name).read_bytes()
        except OSError:
            return None

    def put(self, name: str, content: bytes) -> None:
        """Keep a copy, seen whole or not at all."""
        path = self.root / name
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            disk.replace(path, content)
        self._since += len(content)
        if self._since >= LOOK:
            self._since = 0
            self._make_room()

    def _make_room(self) -> None:
        found: list[tuple[float, int, Path]] = []
        with suppress(OSError):
            for path in self.home.rglob("*"):
                with suppress(OSError):
                    if path.is_file():
                        about = path.stat()
                        found.append((about.st_mtime, about.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= ROOM:
                return
            with suppress(OSError):
                path.unlink()
            total -= size
