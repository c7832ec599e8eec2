"""Insert a study's tables and figure into the page of its sweep, from a folder of results.

python infra/pages.py OUT NAME ...     each docs/NAME.md, from the study NAME in OUT/store
"""

import io
import re
import sys
from pathlib import Path

from PIL import Image
from rich.console import Console

import randteach.report
from randteach.report.results import Results
from randteach.report.stored import stored
from randteach.store.store import Store

DOCS = Path("docs")
WIDEST = 2000  # pixels of a figure
# What a page has between these is written by this file.
BLOCK = re.compile(r"(<!-- tables of the study -->\n).*?(<!-- end -->)", re.DOTALL)


def main(out: Path, names: list[str]) -> None:
    """Fill in the pages."""
    for name in names:
        study = stored(Store(out / "store"), name)
        if study.made < study.jobs:
            sys.exit(f"error: {name}: {study.state}")
        reports = [one for own in study.reports if (one := randteach.report.named(own))]
        page = DOCS / f"{name}.md"
        text, count = BLOCK.subn(rf"\g<1>```\n{tables(reports, study.results)}\n```\n\g<2>", page.read_text())
        if count != 1:
            sys.exit(f"error: {page}: has {count} places for tables, takes one")
        page.write_text(text)
        for number, report in enumerate(reports):
            file = name if not number else f"{name}_{report.name}"
            report.draw(study.results, DOCS, file)
            (DOCS / f"{file}.pdf").unlink(missing_ok=True)
            shrink(DOCS / f"{file}.png")


def shrink(path: Path) -> None:
    """A figure as wide as a page needs, in 256 colours: every version of it stays in the repository."""
    with Image.open(path) as drawn:
        image = drawn.convert("RGB")
    image.thumbnail((WIDEST, 4 * WIDEST))
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def tables(reports: list[randteach.report.Report], results: Results) -> str:
    """The tables as a terminal shows them."""
    text = io.StringIO()
    console = Console(file=text, width=200, color_system=None)
    for report in reports:
        for shown in report.show(results):
            console.print(shown)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).strip("\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
