"""`randteach report`: all studies of a store on one page."""

from pathlib import Path

from rich.console import Console

from randteach.environment import disk, paths
from randteach.report.page.render import page
from randteach.report.verdicts import VERDICTS
from randteach.store.store import Store

NAME = "report.html"


def write(store: Store, out: Path, console: Console) -> int:
    """Write the page into a folder, and say where it is."""
    text, found = page(store)
    with disk.writing(out, "--out"):
        out.mkdir(parents=True, exist_ok=True)
        disk.replace(out / NAME, text.encode())
    counts = [one.counts[in_paper] for one in found.claims for in_paper in (True, False)]
    told = ", ".join(f"{sum(one.get(verdict, 0) for one in counts)} {verdict}" for verdict in VERDICTS)
    studies = f"{len(found.studies)} stud{'y' if len(found.studies) == 1 else 'ies'}"
    line = f"{paths.short(out / NAME)}: {studies}; verdicts: {told}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0
