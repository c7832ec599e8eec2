"""Which code is installed: its digest, and what git knows of it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from randteach.environment import code

Git = Callable[..., str]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two small packages in the place of the real ones."""
    for name in ("loaders", "randteach"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"'''{name}'''\n")
    monkeypatch.setattr(code, "packages", lambda: [tmp_path / "loaders", tmp_path / "randteach"])
    return tmp_path


@pytest.fixture
def git(packages: Path) -> Git:
    def run(*args: str) -> str:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        command = ["git", *who, "-C", str(packages), *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    return run


def known() -> tuple[str | None, bool | None]:
    return code._git.__wrapped__()


def test_code_outside_any_repository_has_no_commit(packages: Path) -> None:
    assert known() == (None, None)


def test_code_is_its_commits_or_not(packages: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "--quiet")
    assert known() == (None, None)  # a repository that doesn't know the code
    git("add", ".")
    assert known() == (None, None)
    git("commit", "--quiet", "-m", "x")
    head = git("rev-parse", "HEAD")
    assert known() == (head, False)
    (packages / "notes.txt").write_text("no code")
    assert known() == (head, False)
    monkeypatch.setenv("GIT_DIR", "/none")  # as in a hook of another repository
    assert known() == (head, False)
    (packages / "randteach" / "new.py").write_text("")
    assert known() == (head, True)
    (packages / "randteach" / "new.py").unlink()
    (packages / "loaders" / "__init__.py").write_text("x = 1\n")
    assert known() == (head, True)


def test_without_git_nothing_is_known(packages: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "x")
    monkeypatch.setenv("PATH", str(packages))
    assert known() == (None, None)


def test_the_digest_is_of_all_modules_their_names_and_nothing_else(packages: Path) -> None:
    seen = {code.digest.__wrapped__()}

    def changed() -> bool:
        before = len(seen)
        seen.add(code.digest.__wrapped__())
        return len(seen) > before

    (packages / "randteach" / "notes.txt").write_text("x")
    (packages / "randteach" / ".#lock.py").symlink_to("nowhere")
    (packages / "other.py").write_text("x")
    assert not changed()
    (packages / "randteach" / "stages").mkdir()
    (packages / "randteach" / "stages" / "a.py").write_text("x = 1\n")
    assert changed()
    (packages / "randteach" / "stages" / "a.py").write_text("x = 2\n")
    assert changed()
    (packages / "randteach" / "stages" / "a.py").rename(packages / "loaders" / "a.py")
    assert changed()
    assert len(seen) == 4 and {len(digest) for digest in seen} == {code.DIGITS}
