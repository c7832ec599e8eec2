"""A sweep's options, and their texts as values."""

import argparse
from collections.abc import Iterable

from randteach.config import reading
from randteach.errors import Misread, UserError
from randteach.identity import names
from randteach.jobs.study import Study


def parser(sweep: Study) -> argparse.ArgumentParser:
    """What a sweep's command line takes beside settings."""
    found = argparse.ArgumentParser(
        allow_abbrev=False,
        description=sweep.question,
        epilog="`randteach settings` lists all settings; commas sweep: alpha=1e-10,0.5,1 seed=0,1",
    )
    found.add_argument("--preset", choices=sorted(sweep.presets), default="paper")
    found.add_argument("--local", action="store_true", help="in this process, without Ray")
    found.add_argument("--dry-run", action="store_true", help="show the plan, run nothing")
    found.add_argument("--name", help=f"the study's name (default: {sweep.name})")
    found.add_argument("--out", default="out", help="folder for all that is written (default: out)")
    found.add_argument("--store", type=given, help="where artifacts are kept (default: OUT/store)")
    found.add_argument(
        "--address", type=given, help="a running Ray cluster's address (default: start Ray here)"
    )
    found.add_argument("--mlflow", type=given, help="MLflow's server (default: a database in OUT)")
    found.add_argument("--retry", type=count, default=0, metavar="N", help="try a failed job N times more")
    found.add_argument("--max-failures", type=_some, metavar="N", help="stop when N jobs have failed")
    found.add_argument("--max-hours", type=_hours, metavar="H", help="stop after H hours")
    found.add_argument(
        "--remake", action="store_true", help="set aside what other code made, and all below; make it again"
    )
    found.add_argument(
        "--yes", action="store_true", help="run however long it takes, and set aside what --remake says"
    )
    found.add_argument("settings", nargs="*", metavar="name=value", help="settings; commas sweep")
    return found


def check_name(name: str, others: Iterable[str]) -> None:
    """UserError for a name that can't be a study's; `others` are the names that are there."""
    if why := names.why_no_study(name, others):
        raise UserError(f"--name {name}: {why}; give another name")


def count(text: str) -> int:
    """A whole number, 0 or more."""
    try:
        number = reading.whole(text)
    except (Misread, OverflowError):
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r}: takes a whole number, 0 or more")
    return number


def _some(text: str) -> int:
    if not (number := count(text)):
        raise argparse.ArgumentTypeError(f"{text!r}: takes a whole number, 1 or more")
    return number


def _hours(text: str) -> float:
    try:
        hours = reading.decimal(text)
    except (Misread, OverflowError):
        hours = -1.0
    if not 0 <= hours < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}: takes hours, e.g. 1.5")
    return hours


def given(text: str) -> str:
    """Refuse an empty text, as a shell variable that is not set gives."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; leave the option out, or name one")
    return text
