"""Write files so that they are there whole or not at all."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def beside(path: Path) -> Path:
    """A name for a file that takes the place of another one."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


@contextmanager
def replacing(path: Path, by: Path | None = None) -> Iterator[Path]:
    """Give a path to write to; at the end it takes the file's place, so that readers always see a whole file.

    `by` names it where writers take turns, so that what a killed one left is written over.
    """
    temporary = by or beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
