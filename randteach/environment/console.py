"""The console: shows text as it is, whole, on any terminal and in any encoding."""

import io
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

WIDTH = 120  # of a file, which has none of its own
WIDE = 10_000
ACTIVE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # characters that terminals obey, or that none has
PLAIN = {"…": "...", "±": "+-", "≈": "~", "×": "x", "–": "-", "α": "alpha", "σ": "sigma"}


class Terminal(Console):
    """Text is never markup, control characters are shown and not obeyed, and no number is cut."""

    def __init__(self, *, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        if isinstance(stream, io.TextIOWrapper):  # whatever else is written there ends in no traceback
            stream.reconfigure(errors="backslashreplace")
        size: tuple[int, int] | tuple[None, None] = (None, None)  # a terminal's own, as it changes
        if not stream.isatty() or {"COLUMNS", "LINES"} & os.environ.keys():
            size = shutil.get_terminal_size((WIDTH, 25))
        super().__init__(
            stderr=stderr,
            width=size[0],
            height=size[1],
            markup=False,
            emoji=False,
            highlight=False,
            soft_wrap=True,
        )

    def render_str(self, text: str, *args: Any, **kwargs: Any) -> Text:
        """Render a text, also one in the cells and titles of tables."""
        return super().render_str(printable(text, self.encoding), *args, **kwargs)

    def print(self, *objects: Any, **kwargs: Any) -> None:
        """Print; a table as wide as it is, unless all its columns fold."""
        super().print(*(Whole(item) if isinstance(item, Table) else item for item in objects), **kwargs)


class Whole:
    """A table whose cells are not cut to the console's width."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.folds = all(column.overflow == "fold" for column in table.columns)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Segment]:
        yield from console.render(self.table, options if self.folds else options.update(width=WIDE))


def printable(text: str, encoding: str) -> str:
    """A text with what a terminal would obey, or what the encoding lacks, written out."""
    if text.isascii() and text.isprintable():
        return text
    found = "".join(_spelled(char) if unicodedata.category(char) in ACTIVE else char for char in text)
    if not encoding.startswith("utf"):
        for char, plain in PLAIN.items():
            if char in found and not _has(encoding, char):
                found = found.replace(char, plain)
        found = found.encode(encoding, "backslashreplace").decode(encoding)
    return found


def _spelled(char: str) -> str:
    return char if char in "\n\t" else char.encode("unicode_escape").decode()


def _has(encoding: str, char: str) -> bool:
    return bool(char.encode(encoding, "ignore"))
