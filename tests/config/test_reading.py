"""Settings are read as typed: numbers are decimal, texts stay, and nothing becomes something else unsaid."""

import importlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from randteach.cli import options
from randteach.config import reading
from randteach.config.overrides import parse
from randteach.config.schema import settings
from randteach.errors import UserError
from tests.studies import STUDY

TICKETS = importlib.import_module("sweeps.lottery_tickets").STUDY


def read(pair: str) -> tuple[Any, ...]:
    return parse({}, [pair]).values[pair.partition("=")[0]]


@pytest.mark.parametrize(
    ("pair", "values"),
    [
        ("seed=0,1", (0, 1)),
        ("seed=+5,-0,'7'", (5, 0, 7)),
        ("alpha=0.5,0,-0.0,.5,1.", (0.5, 0.0, 1.0)),
        ("distill.lr=1e-3,1.0E-3,2e-05", (0.001, 2e-05)),
        ("probe.at=[0, 10 ,2]", ([0, 10, 2],)),
        ("head.hidden_dims=[8],[],[8,9]", ([8], [], [8, 9])),
        ("tickets.alphas=null", (None,)),
        ("tickets.alphas=[0,1e-10]", ([0.0, 1e-10],)),
        ("variance_preserving=true,FALSE", (True, False)),
        ("net.arch=resnet18, vgg11", ("resnet18", "vgg11")),
        ("downstream=[probe, 'tickets']", (["probe", "tickets"],)),
        # Texts stay what they are; null alone is something else, and not in quotes.
        ("data.root=null", (None,)),
        ("data.root='null'", ("null",)),
        ("data.root='a,b'", ("a,b",)),
        ("data.root='it''s'", ("'it''s'",)),
    ],
)
def test_what_is_read(pair: str, values: tuple[Any, ...]) -> None:
    found = read(pair)
    assert found == values and [*map(type, found)] == [*map(type, values)]
    assert "-0.0" not in str(found)


@pytest.mark.parametrize(
    "text",
    [
        "2024_01",
        "no",
        "yes",
        "on",
        "off",
        "010",
        "#x",
        "a#b",
        "1:30",
        "1e3",
        "0x10",
        "~",
        "~/x",
        "[x]",
        "{x}",
        "[a,b]",
        ".inf",
        "true",
        "%20",
        "?",
        "a???",
        "é",
    ],
)
def test_a_text_stays_as_it_is_typed(text: str) -> None:
    assert read(f"data.root={text}") == (text,)
    assert read(f"data.root= a: {text} # b ") == (f" a: {text} # b ",)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("seed=007", "seed=007: takes a value of type int; numbers are decimal, without leading"),
        ("seed=007", "without leading zeros: write 7"),
        ("seed=0,1,001", "seed=0,1,001: a comma separates values, and 001 is no number; write 1001"),
        ("seed=1,-007", "without leading zeros: write -7"),
        ("alpha=00.5", "without leading zeros: write 0.5"),
        ("alpha=00", "without leading zeros: write 0"),
        ("probe.at=[010,1:30]", "probe.at=[010,1:30]: takes a value of type list[int]; "),
        ("probe.at=[010,1:30]", "write 10"),
        ("probe.at=[0,1:30]", "without a colon; the values of a list are separated by commas"),
        ("probe.at=[1,000]", "a comma separates values, and 000 is no number; write 1000 without it"),
        ("seed=1,000", "seed=1,000: a comma separates values, and 000 is no number; write 1000 without it"),
        ("seed=1,000,000", "write 1000000 without it"),
        ("distill.lr=0,001", "distill.lr=0,001: a comma separates values, and 001 is no number; write 0.001"),
        ("seed=1_000", "digits are not grouped: write 1000"),
        ("alpha=0_1", "digits are not grouped: write 1"),
        ("seed=0x10", "numbers are decimal: write 16"),
        ("seed=0b11,2", "seed=0b11: takes a value of type int; numbers are decimal: write 3"),
        ("head.hidden_dims=[0o17]", "numbers are decimal: write 15"),
        ("alpha=0x1p3", "alpha=0x1p3: takes a value of type float"),
        ("seed=1e3", "seed=1e3: takes a value of type int; write 1000"),
        ("seed=2.0", "write 2"),
        ("seed=2.5", "seed=2.5: takes a value of type int"),
        ("seed=٣", "seed=٣: takes a value of type int; digits are those from 0 to 9: write 3"),
        ("alpha=٣.٣", "digits are those from 0 to 9: write 3.3"),
        ("seed=²", "seed=²: takes a value of type int"),
        ("alpha='0.5", "alpha='0.5: takes a value of type float"),
        ("alpha='007'", "write 7"),
        ("alpha=1e400", "alpha=1e400: allowed are numbers from 0 to 1"),
        ("distill.lr=1e400", "distill.lr=1e400: allowed are numbers from 0, finite ones"),
        ("distill.lr=-inf", "distill.lr=-inf: allowed are numbers from 0, finite ones"),
        ("distill.lr=1e-400", "distill.lr=1e-400: takes a value of type float; it is too small for one"),
        ("net.width=" + "9" * 30, f"net.width={'9' * 30}: allowed are numbers from 1 to 2147483647"),
        ("net.width=" + "9" * 5000, f"net.width={'9' * 60}...: allowed are numbers from 1 to 2147483647"),
        ("seed=1 2", "seed=1 2: takes a value of type int"),
        ("seed= ", "seed= : a value is missing"),
        ("seed=\u00a0", "a value is missing"),
        ("head.hidden_dims=[1,]", "a value is missing beside a comma"),
        ("head.hidden_dims=[1", "the list's ']' is missing"),
        ("head.hidden_dims=[", "the list's ']' is missing"),
        ("head.hidden_dims=8", "a list stands in square brackets: [8]"),
        ("head.hidden_dims=[[8]]", "head.hidden_dims=[[8]]: takes a value of type list[int]"),
        ("tickets.alphas=[null]", "tickets.alphas=[null]: takes a value of type list[float] | null"),
        ("alpha=[0,0.3]", "axes are written with commas, without brackets: alpha=0,0.3"),
        ("variance_preserving=no", "variance_preserving=no: takes a value of type bool; write true or false"),
        ("data.root=''", "data.root='': takes a value of type str | null; it is empty"),
        ("data.root=${HOME}", "no placeholder and no reference"),
        ("data.root=???", "no placeholder and no reference"),
        ("data.root=a,b", "data.root=a,b: can't be swept, since it isn't part of a result's identity"),
        ("data.root=a,b", "give one value, a comma of its own in quotes"),
    ],
    ids=lambda value: value[:24],
)  # fmt: skip
def test_what_is_refused_says_what_was_meant(pair: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        read(pair)
    assert said in str(error.value) and len(str(error.value)) < 200


@given(st.text(alphabet="0123456789+-.eE_:xob,[]'n ", min_size=1, max_size=7))
@example("0,0")
def test_a_number_is_what_python_prints_or_refused(text: str) -> None:
    """No text is read as another number than the one that a reader of plain decimals sees."""
    for name, kind in (("seed", int), ("distill.lr", float)):
        try:
            (value,) = read(f"{name}={text}")
        except (UserError, ValueError):
            continue
        for part in text.split(","):  # values of an axis that are equal are one
            bare = part.strip().strip("'")
            assert value == kind(bare) and "_" not in bare
            assert not bare.lstrip("+-").startswith(("00", "01", "07"))


def test_every_default_is_read_back() -> None:
    for item in settings().values():
        shown = "null" if item.default is None else str(item.default).replace("'", "")
        assert read(f"{item.name}={shown}") == (item.default,)


@pytest.mark.parametrize(
    ("typed", "preset", "meant"),
    [
        ("lr=0.01", STUDY, "distill.lr, probe.lr or train.lr"),
        ("epochs=3", STUDY, "distill.epochs, probe.epochs or train.epochs"),
        ("epochs=3", TICKETS, "distill.epochs, train.epochs or probe.epochs"),
        ("distil.lr=1", STUDY, "distill.lr"),
        ("arch=vgg11", STUDY, "net.arch"),
        ("milestone=1", STUDY, "train.milestones"),
    ],
)
def test_all_settings_of_a_name_are_suggested(typed: str, preset: Any, meant: str) -> None:
    with pytest.raises(UserError, match=rf": no such setting; did you mean {meant}\?$"):
        parse(preset.presets["mini"], [typed])


@pytest.mark.parametrize("text", ["007", "0x1", "1_0", "٣", "1e1", "-1", "", "9" * 40])
def test_options_take_decimal_numbers(text: str) -> None:
    with pytest.raises(options.argparse.ArgumentTypeError):
        options.count(text)
    for name in ("--retry", "--max-failures"):
        with pytest.raises(SystemExit):
            options.parser(STUDY).parse_args([f"{name}={text}"])
    if text != "1e1":
        with pytest.raises(SystemExit):
            options.parser(STUDY).parse_args([f"--max-hours={text}"])


def test_commas_brackets_and_quotes() -> None:
    assert reading.split("a, b ,c") == ["a", "b", "c"]
    assert reading.split("[1,2],[3,[4,5]],x") == ["[1,2]", "[3,[4,5]]", "x"]
    assert reading.split("'a,b',\"c,'d\",{e,f},(g,h)") == ["'a,b'", '"c,\'d"', "{e,f}", "(g,h)"]
    assert reading.split("") == [""] and reading.split("a,") == ["a", ""]
