"""Tables of reports on terminals of any width and encoding."""

import io

import pytest
from rich.console import Console

from randteach.report.grid import Grid

NUMBERS = [f"{number}.{number:05d}" for number in range(9)]


def printed(grid: Grid, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, soft_wrap=True).print(grid)
    return out.getvalue().splitlines()


def grid() -> Grid:
    shown = Grid(
        "means [bold] of n", ["measure", "alpha", *(f"column number {n}" for n in range(9))], 2, "done"
    )
    shown.rows.append(["linear", "1e-10", *NUMBERS])
    return shown


@pytest.mark.parametrize("width", [1, 20, 30, 40, 80, 81, 100, 200])
def test_no_number_and_no_head_is_cut(width: int) -> None:
    lines = printed(grid(), width)
    words = [word for line in lines for word in line.split()]
    assert [word for word in words if word in NUMBERS] == NUMBERS
    assert lines[0] == "means [bold] of n" and lines[-1] == "done"
    assert words.count("column") == 9
    if width >= 30:
        assert all(len(line) <= width for line in lines[1:-1])


def test_columns_that_do_not_fit_stand_below_with_the_names_of_their_rows() -> None:
    assert len([line for line in printed(grid(), 200) if "linear" in line]) == 1
    narrow = [line.split() for line in printed(grid(), 40) if "linear" in line]
    assert all(line[:2] == ["linear", "1e-10"] for line in narrow)
    assert [number for line in narrow for number in line[2:]] == NUMBERS


def test_a_cell_of_several_words_is_broken_between_them_where_it_must() -> None:
    shown = Grid("t", ["measure", "n"], 1, rows=[["linear", "1 of 2, 1 diverged, 1 unfinished"]])
    words = " ".join(printed(shown, 30)).split()
    assert [w for w in words if w in ("diverged,", "unfinished")] == ["diverged,", "unfinished"]
