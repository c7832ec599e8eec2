"""What is printed is whole and harmless: on narrow and dumb terminals, in any encoding, whatever it holds."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich import box
from rich.table import Table

from randteach.cli import main as cli
from randteach.engine.events import Began, Ended, Reported
from randteach.engine.progress import Progress
from randteach.environment.console import Terminal, printable
from randteach.errors import UserError
from randteach.store import plans, work
from randteach.store.store import Store
from tests.cli.commands.conftest import planned

EVIL = "\x1b]0;owned\x07\x1b[2J[/bold] [red]x[/red] :smile: \u202egnp.exe\x9b1m\r"
SHOWN = r"\x1b]0;owned\x07\x1b[2J[/bold] [red]x[/red] :smile: \u202egnp.exe\x9b1m\r"
Printed = Callable[[], str]


class Stream(io.TextIOWrapper):
    """Standard output of some encoding, perhaps a terminal."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


def stream(monkeypatch: pytest.MonkeyPatch, encoding: str, name: str = "stdout") -> tuple[Stream, Printed]:
    raw = io.BytesIO()
    found = Stream(raw, encoding=encoding, errors="strict", write_through=True)
    monkeypatch.setattr(sys, name, found)
    return found, lambda: raw.getvalue().decode(encoding)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def numbers() -> Table:
    shown = Table(title="means over n … ± the 95 % interval", caption="α ≈ 0 × 1 – 2", box=box.SIMPLE_HEAD)
    for number in range(12):
        shown.add_column(f"column {number}", no_wrap=True, justify="right")
    shown.add_row(*(f"{number}.{number:07d}" for number in range(12)))
    return shown


@pytest.mark.parametrize("columns", [None, "80", "20", "1", "0", "²", "x"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_no_number_is_cut(monkeypatch: pytest.MonkeyPatch, encoding: str, columns: str | None) -> None:
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    _, printed = stream(monkeypatch, encoding)
    console = Terminal()
    console.print(numbers())
    console.print("1234567 " * 40)
    lines = printed().splitlines()
    (row,) = [line for line in lines if "0.0000000" in line]
    assert row.replace("|", " ").split() == [f"{number}.{number:07d}" for number in range(12)]
    assert ("…" in lines[0]) == (encoding == "utf-8") and "means over n" in lines[0]
    assert lines[-1].split() == ["1234567"] * 40 and "\x1b" not in printed()


@pytest.mark.parametrize(("term", "colour"), [("xterm", None), ("dumb", None), ("xterm", "1")])
def test_nothing_that_is_stored_is_interpreted(
    monkeypatch: pytest.MonkeyPatch, term: str, colour: str | None
) -> None:
    monkeypatch.setenv("TERM", term)
    if colour:
        monkeypatch.setenv("NO_COLOR", colour)
    out, printed = stream(monkeypatch, "utf-8")
    out.terminal = True
    console = Terminal()
    table = Table(title=EVIL, caption=EVIL)
    table.add_column(EVIL)
    table.add_row(EVIL)
    console.print(table)
    console.print(EVIL, style="red")
    assert printed().count(SHOWN) == 5 or term == "xterm"
    assert "\x1b]" not in printed() and "\x07" not in printed() and "\u202e" not in printed()
    assert "\x1b[2J" not in printed() and (("\x1b[31m" in printed()) == (term == "xterm" and not colour))


def test_what_an_encoding_lacks_is_written_out() -> None:
    assert printable("a … b ± 1 ≈ α 日", "ascii") == r"a ... b +- 1 ~ alpha \u65e5"
    assert printable("a … b ± 1", "latin-1") == "a ... b ± 1"
    assert printable("a … 日 \udce9\n\t", "utf-8") == "a … 日 \\udce9\n\t"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_an_error_is_one_line_whatever_it_holds(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    def fails() -> int:
        raise UserError(f"--name {EVIL}\n\udce9…: no\x85such\u2028name")

    _, printed = stream(monkeypatch, encoding, "stderr")
    assert cli.guarded(fails) == cli.MISTAKE
    assert (
        printed().startswith(r"error: --name \x1b]0;owned\x07\x1b[2J[/bold] [red]x") and "such" in printed()
    )
    assert printed().count("\n") == 1 and printed().endswith("name\n") and "\x1b" not in printed()


def test_commands_show_what_a_store_holds_as_it_is(
    made: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(out / "store")
    _, printed = stream(monkeypatch, "ascii")
    key = planned("alpha=0.9").jobs[0].key
    work.record_failure(store, key, {"error": EVIL, "log": [EVIL], "study": "small"})
    (store.root / "sessions" / "0123456789ab").mkdir(parents=True)
    about = '{"study": "[/bold]", "host": "\\u001b[2J", "pid": 1, "place": "elsewhere", "started": ""}'
    (store.root / "sessions" / "0123456789ab" / "about.json").write_text(about)
    plans.record(store, planned("alpha=0.9"), "[/bold]", {"command": "typed"})
    for argv in (["logs", key], ["status"], ["ls"], ["show", key], ["verify"]):
        assert cli.guarded(lambda argv=argv: cli_command(*argv, "--out", str(out))) == 0
    assert SHOWN in printed() and r"[/bold] on \x1b[2J" in printed() and "\x1b" not in printed()


def cli_command(*argv: str) -> int:
    from randteach.cli import commands

    return commands.run(argv)


@pytest.mark.parametrize(("term", "lines"), [("dumb", 1), ("xterm", 0)])
def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch, term: str, lines: int) -> None:
    """It can't move its cursor: no live table, but a line a job, as in a file."""
    monkeypatch.setenv("TERM", term)
    out, printed = stream(monkeypatch, "utf-8")
    out.terminal = True
    job = planned().jobs[0]
    progress = Progress(Terminal(), [job])
    progress.expect([job])
    with progress:
        progress.handle(Began(job.key))
        progress.handle(Ended(job.key, "done", "", False))
    assert printed().count("[1/1]") == lines and ("\x1b" in printed()) == (term == "xterm")


@pytest.mark.parametrize("columns", ["80", "30", "1"])
def test_the_live_table_cuts_no_number(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    _, printed = stream(monkeypatch, "ascii")
    job = planned().jobs[0]
    progress = Progress(Terminal(), [job])
    progress.expect([job])
    progress.handle(Began(job.key))
    progress.handle(Reported(job.key, {"epoch": 3.0, "loss": 0.1234}))
    progress.console.print(progress._render())
    assert "..." not in printed() and r"\u2026" not in printed()
