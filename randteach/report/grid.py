"""Tables for terminals of any width: no number is cut."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

GAP = 3  # columns between two cells


@dataclass
class Grid:
    """Heads and rows of text; columns that do not fit stand below, with the names of their rows again.

    The first `names` columns name a row. Cells and heads are taken as they are, without markup. Where the
    terminal is too narrow for one column beside the names, each cell has a line.
    """

    title: str
    heads: Sequence[str]
    names: int
    caption: str = ""
    rows: list[Sequence[str]] = field(default_factory=list)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        def plain(texts: Iterable[str]) -> list[str]:
            """As the console spells them, which may be longer."""
            return [console.render_str(text, markup=False, highlight=False).plain for text in texts]

        title, caption, *heads = plain([self.title, self.caption, *self.heads])
        shown = Grid(title, heads, self.names, caption, [plain(row) for row in self.rows])
        yield Text(title, style="italic")
        blocks = shown._blocks(options.max_width - 1)
        yield from map(shown._table, blocks) if blocks else shown._lines()
        if caption:
            yield Text(caption, style="dim italic")

    def _blocks(self, room: int) -> list[dict[int, int]]:
        """Columns that stand beside each other, and their widths; none where one does not fit."""
        whole = [self._width(column, whole=True) for column in range(len(self.heads))]
        if sum(whole) <= room:
            return [{column: width - GAP for column, width in enumerate(whole)}]
        names = {column: self._width(column) - GAP for column in range(self.names)}
        left = most = room - sum(names.values()) - GAP * self.names
        blocks = [dict(names)]
        for column in range(self.names, len(self.heads)):
            words = max((cell_len(word) for row in self.rows for word in row[column].split()), default=0)
            if words + GAP > most:
                return []
            width = min(self._width(column), most)  # a cell of several words is broken between them
            if width > left:
                blocks.append(dict(names))
                left = most
            blocks[-1][column] = width - GAP
            left -= width
        return blocks

    def _table(self, columns: Mapping[int, int]) -> Table:
        shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
        for column, width in columns.items():
            justify: JustifyMethod = "left" if column < self.names else "right"
            shown.add_column(Text(self.heads[column]), justify=justify, width=width, overflow="fold")
        for row in self.rows:
            shown.add_row(*(Text(row[column]) for column in columns))
        return shown

    def _lines(self) -> Iterator[Text]:
        for row in self.rows:
            yield Text(" ".join(cell for cell in row[: self.names] if cell))
            for head, cell in zip(self.heads[self.names :], row[self.names :], strict=True):
                yield Text(f"  {head}: {cell}")

    def _width(self, column: int, whole: bool = False) -> int:
        """Of a column that breaks no cell, and no word of its head, with the gap beside it."""
        head = [self.heads[column]] if whole else self.heads[column].split()
        return max(cell_len(text) for text in [*head, *(row[column] for row in self.rows)]) + GAP
