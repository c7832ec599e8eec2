"""The documents against the code."""

import re
from pathlib import Path

import pytest

from loaders import datasets
from randteach import cli, commands, overrides
from randteach.commands import settings
from randteach.study import expand
from tests.studies import STUDY

README = Path("README.md").read_text()
STUDIES = Path("docs/studies.md").read_text()
TYPED = re.findall(r"^\$S (.+?)\s+#", README, re.MULTILINE)
STARTS = re.findall(r"^\$S (.+?)\s+#", STUDIES, re.MULTILINE)
COMMANDS = re.findall(r"(?:^|&& )(?:\$R|\.venv/bin/randteach) (.+?)\s+#", README + STUDIES, re.MULTILINE)


@pytest.mark.parametrize(("page", "printed"), [("settings", settings.table), ("datasets", datasets.table)])
def test_generated_pages_are_up_to_date(page: str, printed: object) -> None:
    """If this fails: `.venv/bin/randteach PAGE > docs/PAGE.md`."""
    assert callable(printed)
    assert Path(f"docs/{page}.md").read_text() == printed()


@pytest.mark.parametrize("typed", TYPED)
def test_commands_of_the_readme_are_understood(typed: str) -> None:
    assert expand(STUDY, overrides.parse(STUDY.presets["mini"], typed.split())).jobs


@pytest.mark.parametrize("typed", STARTS)
def test_starts_of_the_page_on_studies_are_understood(typed: str) -> None:
    args = cli._arguments(STUDY).parse_intermixed_args(["--preset", "mini", *typed.split()])
    assert expand(STUDY, overrides.parse(STUDY.presets["mini"], args.settings), args.name).jobs


@pytest.mark.parametrize("typed", COMMANDS)
def test_commands_of_the_documents_are_understood(typed: str) -> None:
    assert commands._parser().parse_args(typed.split()).action in typed


def test_the_page_on_studies_has_them_all() -> None:
    assert len(STARTS) == 10
    actions = {typed.split()[0] for typed in COMMANDS}
    assert actions == {"status", "ls", "show", "logs", "verify", "gc", "export", "import", "track", "keys"}


def test_files_and_links_of_the_readme_exist() -> None:
    assert len(TYPED) == 8
    links = re.findall(r"\]\(([^)#]+)", README)
    named = re.findall(r"`((?:sweeps|randteach|loaders|infra|docs)/[\w/.]*\w)`", README)
    for path in [*links, *named]:
        assert path.startswith("https://") or Path(path).exists(), path
