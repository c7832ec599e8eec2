"""Digests of what a definition reaches: they change with what is computed, and with nothing else."""

import shutil
from pathlib import Path

import pytest

from randteach.environment import code, reached
from randteach.environment.reached import Reach, Unit
from randteach.kinds import KINDS

DISTILL, PROBE, MASK, PLANE, TRAIN = (
    (KINDS[name].stage.__module__, KINDS[name].stage.__qualname__)
    for name in ("distill", "probe", "mask", "plane", "train")
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages, to be changed."""
    for folder in code.packages():
        shutil.copytree(folder, tmp_path / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def digests(root: Path, *units: Unit) -> dict[Unit, str]:
    reach = Reach(reached.files(root / "loaders", root / "randteach"))
    return {unit: reach.digest(unit) for unit in units or (DISTILL, PROBE, MASK, PLANE, TRAIN)}


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text, before
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("randteach/stages/losses.py", '"""Gradient, loss and KL of some rows."""', '"""In other words."""'),
        (
            "randteach/stages/losses.py",
            "    p_t = loss.target(rows)\n",
            "    # A comment.\n\n    p_t = loss.target(rows)\n",
        ),
        ("randteach/stages/losses.py", "def _computed(loss: Loss, rows: Rows)", "def _computed(loss, rows)"),
        ("randteach/stages/losses.py", "_computed(", "_rows_computed("),
        ("randteach/stages/losses.py", "CHUNK", "FLOATS"),
        ("randteach/cli/estimate.py", "SMALL = 4 << 10", "SMALL = 5 << 10"),
        ("randteach/report/statistics.py", '" x ".join', '" by ".join'),
        ("randteach/tracking/quiet.py", "DATABASE_TRIES = 4", "DATABASE_TRIES = 5"),
        ("randteach/kinds/probe.py", '"kNN probe"', '"nearest neighbours"'),
    ],
)
def test_what_computes_nothing_else_changes_no_digest(copy: Path, file: str, before: str, after: str) -> None:
    whole = digests(copy)
    edit(copy / file, before, after)
    assert digests(copy) == whole


@pytest.mark.parametrize(
    ("file", "before", "after", "changed"),
    [
        ("randteach/stages/losses.py", "NEAR = 0.25", "NEAR = 0.5", {DISTILL, PLANE}),
        ("randteach/stages/neighbours.py", "CELLS = 1 << 24", "CELLS = 1 << 23", {PROBE, PLANE}),
        ("randteach/stages/trajectory.py", "    done += 1", "    done += 2", {DISTILL, TRAIN}),
        ("randteach/nets/pruning.py", "round(", "int(", {MASK}),
        ("randteach/nets/vgg.py", "FULL_WIDTH = 64", "FULL_WIDTH = 32", {DISTILL, PLANE, TRAIN, MASK}),
        ("randteach/nets/head.py", "nn.GELU", "nn.ReLU", {DISTILL, PLANE}),
        ("loaders/streams.py", '"big"', '"little"', {DISTILL, PROBE, PLANE, TRAIN, MASK}),
    ],
)
def test_what_computes_otherwise_changes_the_digests_of_those_that_reach_it(
    copy: Path, file: str, before: str, after: str, changed: set[Unit]
) -> None:
    whole = digests(copy)
    edit(copy / file, before, after)
    now = digests(copy)
    assert {unit for unit in whole if now[unit] != whole[unit]} == changed


def test_a_definition_that_moves_changes_no_digest(copy: Path) -> None:
    whole = digests(copy)
    (copy / "randteach/stages/near.py").write_text((copy / "randteach/stages/neighbours.py").read_text())
    (copy / "randteach/stages/neighbours.py").unlink()
    for path in (copy / "randteach/stages").glob("*.py"):
        path.write_text(path.read_text().replace("randteach.stages.neighbours", "randteach.stages.near"))
    assert digests(copy) == whole


CYCLE = """\
def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


def other(n):
    return {0}
"""


def test_definitions_that_reach_each_other_have_digests(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "__init__.py").write_text(CYCLE.format("odd(n)"))
    first = Reach(reached.files(tmp_path / "p"))
    again = Reach(reached.files(tmp_path / "p"))  # whatever is asked first
    names = ("even", "odd", "other")
    found = {name: first.digest(("p", name)) for name in names}
    assert found == {name: again.digest(("p", name)) for name in reversed(names)}
    (tmp_path / "p" / "__init__.py").write_text(CYCLE.format("even(n)"))
    swapped = Reach(reached.files(tmp_path / "p"))
    assert swapped.digest(("p", "even")) == first.digest(("p", "even"))
    assert swapped.digest(("p", "other")) != first.digest(("p", "other"))
