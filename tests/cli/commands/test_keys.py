"""The sets of keys of all plans: pinned, and compared between two checkouts."""

import subprocess
from pathlib import Path

import pytest

from randteach.cli.commands import keys, run
from randteach.cli.main import guarded

PINNED = Path(__file__).with_name("keys.txt")


def test_no_plan_loses_a_key() -> None:
    """What `randteach keys` prints. A line that differs orphans results: see CONTRIBUTING.md first."""
    plan, pinned = "", {}
    for line in PINNED.read_text().splitlines():
        if not line.startswith(" "):
            plan = line
        else:
            pinned[plan, line.split()[0]] = " ".join(line.split()[1:])
    found = keys.digests(keys.keys(keys.plans()))
    assert {(plan, kind): text for plan, kinds in found.items() for kind, text in kinds.items()} == pinned


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


REVISED = 'resources="probe", revised=("it was wrong",)'


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.slow
def test_what_is_lost_and_what_stays(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["keys", "--since", "HEAD"]
    # Other labels, and another preset, lose no key.
    edit(clone / "randteach" / "jobs" / "build.py", '"role": "input"', '"role": "pixels"')
    edit(clone / "sweeps" / "init_distance.py", '"seed": "0,1"', '"seed": "7"')
    assert guarded(lambda: run(argv)) == 0
    assert " 0 are lost" in capsys.readouterr().out
    edit(clone / "randteach" / "kinds" / "probe.py", 'resources="probe"', REVISED)
    assert guarded(lambda: run(argv)) == 1
    said = capsys.readouterr().out
    assert "init_distance mini: probe: 53 of 53 keys are lost" in said and ": distill: " not in said
    assert "probe of student resnet18 width 8 on fashion_mnist alpha" in said
    listed = subprocess.run(["git", "worktree", "list"], capture_output=True, text=True).stdout
    assert len(listed.splitlines()) == 1  # nothing is left of the comparison
    # A job that is planned no more is lost, too.
    edit(clone / "randteach" / "kinds" / "probe.py", REVISED, 'resources="probe"')
    edit(clone / "sweeps" / "restart.py", "yield from rt.probe_jobs(point, rt.Pixels())", "pass")
    assert guarded(lambda: run(argv)) == 1
    assert "restart mini: probe: 1 of 27 keys are lost" in capsys.readouterr().out


@pytest.mark.slow
def test_a_revision_that_is_none(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: run(["keys", "--since", "nowhere"])) == 2
    assert "nowhere: no such revision" in capsys.readouterr().err
