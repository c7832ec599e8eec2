"""The documents against the code."""

import re
from pathlib import Path

import pytest

from loaders import datasets
from randteach import overrides
from randteach.commands import settings
from randteach.study import expand
from tests.studies import STUDY

README = Path("README.md").read_text()
TYPED = re.findall(r"^\$S (.+?)\s+#", README, re.MULTILINE)


@pytest.mark.parametrize(("page", "printed"), [("settings", settings.table), ("datasets", datasets.table)])
def test_generated_pages_are_up_to_date(page: str, printed: object) -> None:
    """If this fails: `.venv/bin/randteach PAGE > docs/PAGE.md`."""
    assert callable(printed)
    assert Path(f"docs/{page}.md").read_text() == printed()


@pytest.mark.parametrize("typed", TYPED)
def test_commands_of_the_readme_are_understood(typed: str) -> None:
    assert expand(STUDY, overrides.parse(STUDY.presets["mini"], typed.split())).jobs


def test_files_and_links_of_the_readme_exist() -> None:
    assert len(TYPED) == 8
    links = re.findall(r"\]\(([^)#]+)", README)
    named = re.findall(r"`((?:sweeps|randteach|loaders|infra|docs)/[\w/.]*\w)`", README)
    for path in [*links, *named]:
        assert path.startswith("https://") or Path(path).exists(), path
