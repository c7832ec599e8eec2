"""Which keys a change of code moves, told from two checkouts."""

import subprocess
from pathlib import Path

import pytest

from randteach.cli import guarded
from randteach.commands import run

pytestmark = pytest.mark.slow


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of this repository, with what is not committed yet."""
    here = subprocess.run(["git", "rev-parse", "--show-toplevel"], capture_output=True, text=True)
    if here.returncode:
        pytest.skip("this is no git checkout")
    folder, git = tmp_path / "clone", ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-C"]
    subprocess.run(["git", "clone", "-q", here.stdout.strip(), str(folder)], check=True)
    for name in ("randteach", "loaders", "sweeps"):
        subprocess.run(["cp", "-r", name, str(folder)], check=True)
    subprocess.run([*git, str(folder), "commit", "-qam", "now", "--allow-empty"], check=True)
    monkeypatch.chdir(folder)
    return folder


def test_what_moves_and_what_stays(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["keys", "--since", "HEAD"]
    assert guarded(lambda: run(argv)) == 0
    assert "0 move" in capsys.readouterr().out
    path = clone / "randteach" / "identity.py"
    path.write_text(path.read_text().replace('"probe": 1', '"probe": 2'))
    assert guarded(lambda: run(argv)) == 1
    said = capsys.readouterr().out
    assert "probe: " in said and " orphaned" in said and "distill: " not in said
    assert " -> " in said and "probe of raw pixels" in said
    listed = subprocess.run(["git", "worktree", "list"], capture_output=True, text=True).stdout
    assert len(listed.splitlines()) == 1  # nothing is left of the comparison


def test_a_revision_that_is_none(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: run(["keys", "--since", "nowhere"])) == 2
    assert "nowhere: no such revision" in capsys.readouterr().err
