"""The documents against the code."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from loaders.datasets import page as datasets
from randteach.cli import commands, options
from randteach.cli.commands import settings
from randteach.config import overrides
from randteach.jobs.study import expand
from randteach.kinds import KINDS
from randteach.report import table
from randteach.stages.recorder import DIVERGED, OK, SKIPPED, UNMOVED
from tests.studies import STUDY

README = Path("README.md").read_text()
CLUSTER = Path("docs/cluster.md").read_text()
STUDIES = Path("docs/studies.md").read_text()
TYPED = re.findall(r"^\$S (.+?)\s+#", README, re.MULTILINE)
STARTS = re.findall(r"^\$S (.+?)\s+#", STUDIES, re.MULTILINE)
PAGES = sorted(path.stem for path in Path("sweeps").glob("*.py") if path.stem != "init_distance")


NOT_RUN = "has not been run yet"  # on the page of a sweep of which no miniature was made


def _page(name: str) -> str:
    return Path(f"docs/{name}.md").read_text()


SWEEPS = [
    (page, line)
    for page in PAGES
    for line in re.findall(rf"sweeps/{page}.py (.+)$", _page(page), re.MULTILINE)
]
COMMANDS = re.findall(r"(?:^|&& )(?:\$R|\.venv/bin/randteach) (.+?)\s+#", README + STUDIES, re.MULTILINE)


@pytest.mark.parametrize(("page", "printed"), [("settings", settings.table), ("datasets", datasets.table)])
def test_generated_pages_are_up_to_date(page: str, printed: object) -> None:
    """If this fails: `.venv/bin/randteach PAGE > docs/PAGE.md`."""
    assert callable(printed)
    assert Path(f"docs/{page}.md").read_text() == printed()


def test_the_page_on_the_table_names_all_its_columns_and_kinds() -> None:
    page = Path("docs/table.md").read_text()
    listed, _, rest = page.partition("Behind these")
    heads = re.findall(r"^\| (`[a-z_`, ]+`) \|", listed, re.MULTILINE)
    assert re.findall(r"\w+", " ".join(heads)) == table.COLUMNS
    assert all(f"`{kind}`" in listed for kind in KINDS)
    assert all(
        f"`{status}`" in rest for status in (OK, UNMOVED, DIVERGED, SKIPPED, table.FAILED, table.MISSING)
    )


@pytest.mark.parametrize("typed", TYPED)
def test_commands_of_the_readme_are_understood(typed: str) -> None:
    assert expand(STUDY, overrides.parse(STUDY.presets["mini"], shlex.split(typed))).jobs


@pytest.mark.parametrize("typed", STARTS)
def test_starts_of_the_page_on_studies_are_understood(typed: str) -> None:
    args = options.parser(STUDY).parse_intermixed_args(["--preset", "mini", *typed.split()])
    assert expand(STUDY, overrides.parse(STUDY.presets["mini"], args.settings), args.name).jobs


@pytest.mark.parametrize(("page", "line"), SWEEPS, ids=" ".join)
def test_commands_of_the_sweeps_pages_are_understood(page: str, line: str) -> None:
    study = importlib.import_module(f"sweeps.{page}").STUDY
    args = options.parser(study).parse_intermixed_args(shlex.split(line, comments=True))
    assert expand(study, overrides.parse(study.presets[args.preset], args.settings), args.name).jobs


def test_no_example_starts_at_exactly_zero() -> None:
    """There a network without norm layers learns from rounding noise; the first point is 1e-10."""
    pages = [*Path("docs").glob("*.md"), *Path("infra").glob("*.*"), Path("README.md"), Path("Makefile")]
    for page in pages:
        assert not re.search(r"alpha=([^\s`]*,)?0(\.0*)?([,\s`]|$)", page.read_text(), re.MULTILINE), page


def test_each_sweep_has_a_page_with_its_question_and_its_figure() -> None:
    for page in PAGES:
        text = _page(page)
        question = importlib.import_module(f"sweeps.{page}").STUDY.question
        assert question in " ".join(text.split()) and f"docs/{page}.md" in README
        drawn = f"({page}.png)" in text
        assert drawn == Path(f"docs/{page}.png").exists() == (NOT_RUN not in text)
    assert len(SWEEPS) == 4 + 3 + 5 + 3 + 2 + 2 + 3 + 2 + 4 + 3 + 3 + 3 + 3


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "<!-- tables" in _page(page) and NOT_RUN not in _page(page)]
)
def test_numbers_that_a_page_tells_stand_in_its_tables(page: str) -> None:
    """`infra/pages.py` writes the tables; a sentence can't keep a number that they no longer have."""
    _, _, rest = _page(page).partition("<!-- tables of the study -->\n```\n")
    tables, _, rest = rest.partition("\n```\n<!-- end -->\n")
    said, _, _ = rest.partition("**What the paper says.**")
    pairs = re.findall(r"([+-]?\d+\.\d) ± (\d+\.\d)", said)
    numbers = [rf"{re.escape(mean)} +± {half}" for mean, half in pairs]
    if not re.search(r"± +\d", tables):  # means with their lowest and highest, and losses
        numbers = [re.escape(number) for number in re.findall(r"[+-]?\d+\.\d+(?:e-?\d+)?", said)]
    assert numbers and [one for one in numbers if not re.search(rf"(?<![\d.]){one}(?![\d.])", tables)] == []


@pytest.mark.parametrize("typed", COMMANDS)
def test_commands_of_the_documents_are_understood(typed: str) -> None:
    assert commands._parser().parse_args(typed.split()).action in typed


def test_the_page_on_studies_has_them_all() -> None:
    assert len(STARTS) == 13
    actions = {typed.split()[0] for typed in COMMANDS}
    looks = {"status", "ls", "show", "logs", "report", "track", "keys"}
    assert actions == looks | {"verify", "gc", "export", "import"}


def test_files_and_links_of_the_readme_exist() -> None:
    assert len(TYPED) == 10
    links = re.findall(r"\]\(([^)#]+)", README)
    named = re.findall(r"`((?:sweeps|randteach|loaders|infra|docs)/[\w/.]*\w)`", README)
    for path in [*links, *named]:
        assert path.startswith("https://") or Path(path).exists(), path


def test_commands_of_the_page_on_clusters_are_understood() -> None:
    text = CLUSTER + README
    typed = re.findall(r"'randteach (.+?)'", text)
    assert {commands._parser().parse_args(line.split()).action for line in typed} == {
        "doctor",
        "serve",
        "status",
    }
    files = re.findall(r"\b(?:ray \w+ (?:--\w+ )*|CLUSTER=)(infra/[\w.]+)", text)
    assert len(files) >= 10 and all(Path(file).exists() for file in files)
    for sweep, args in re.findall(r"(sweeps/\w+\.py)((?: \w+=[\w,.-]+)*)", text):
        assert Path(sweep).exists()
        assert expand(STUDY, overrides.parse(STUDY.presets["mini"], args.split())).jobs
    for page in (CLUSTER, Path("docs/security.md").read_text()):
        for link in re.findall(r"\]\(([^)#]+)", page):
            assert Path("docs", link).exists(), link
