"""The examples: files from outside the package, in this process, in Ray's workers, and without the file."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import randteach

TINY = ["seed=0", "alpha=0.3", "net.width=4", "head.hidden_dims=[32]", "head.bottleneck_dim=16"]
TINY += ["head.out_dim=64", "distill.epochs=1", "probe.at=[0,1]"]
RANK = [*TINY, "data.name=mnist5k", "data.train_size=500"]
EXAMPLES = {
    "feature_rank": (RANK, 4),
    "own_images": ([*TINY, "distill.loss=example.cosine"], 13),
}
RANDTEACH = str(Path(sys.executable).with_name("randteach"))


def typed(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command as it is typed, in a folder from which workers can't import."""
    environment = {**os.environ, "COLUMNS": "200", "XDG_CACHE_HOME": str(folder / "caches")}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def run(folder: Path, name: str, *args: str) -> subprocess.CompletedProcess[str]:
    return typed(folder, sys.executable, "study.py", "--preset", "mini", *EXAMPLES[name][0], *args)


def copied(folder: Path, name: str, *changes: tuple[str, str]) -> None:
    """An example as a file of somebody's, with changes."""
    text = Path(f"examples/{name}.py").read_text()
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    (folder / "study.py").write_text(text)


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_runs_here_and_under_ray_to_the_same_numbers_which_stay_without_it(
    tmp_path: Path, name: str
) -> None:
    count = EXAMPLES[name][1]
    copied(tmp_path, name)
    tables = {}
    for out, args in (("here", ["--local"]), ("ray", [])):
        done = run(tmp_path, name, "--out", out, *args)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{count} made, 0 cached" in done.stdout
        assert (tmp_path / out / name / "figure.png").exists()
        tables[out] = pd.read_csv(tmp_path / out / name / "results.csv")
    pd.testing.assert_frame_equal(tables["here"], tables["ray"])
    again = run(tmp_path, name, "--out", "here", "--local")
    assert again.returncode == 0 and f"0 made, {count} cached" in again.stdout
    assert "other code" not in again.stdout

    (tmp_path / "study.py").unlink()
    listed = typed(tmp_path, RANDTEACH, "ls", "--out", "here")
    assert listed.returncode == 0 and listed.stdout.endswith(f"\n{count} jobs\n"), listed.stdout
    verified = typed(tmp_path, RANDTEACH, "verify", "--out", "here")
    assert verified.returncode == 0 and ", 0 damaged\n" in verified.stdout
    collected = typed(tmp_path, RANDTEACH, "gc", "--yes", "--out", "here")
    assert collected.stdout == "nothing to remove\n"
    tracked = typed(tmp_path, RANDTEACH, "track", "--out", "here")
    assert tracked.returncode == 0, tracked.stderr
    shown = randteach.table(name, tmp_path / "here" / "store")
    values = shown[["key", "measure", "split", "step", "value"]]
    pd.testing.assert_frame_equal(
        values.astype(object).fillna(""),
        tables["here"][values.columns].astype(object).fillna(""),
        check_exact=False,
    )


def test_what_a_kind_from_outside_gave_is_shown_without_it(tmp_path: Path) -> None:
    copied(tmp_path, "feature_rank")
    assert run(tmp_path, "feature_rank", "--local").returncode == 0
    (tmp_path / "study.py").unlink()
    listed = typed(tmp_path, RANDTEACH, "ls").stdout.splitlines()
    (line,) = (line for line in listed if "feature rank of teacher" in line)
    shown = typed(tmp_path, RANDTEACH, "show", line.split()[0]).stdout
    assert "(example.feature_rank, revision 1)" in shown and "\nnumbers     rank " in shown
    frame = randteach.table("feature_rank", tmp_path / "out" / "store")
    ranks = frame[frame.measure == "rank"]
    assert len(ranks) == 3 and ranks.value.between(1, 32).all() and set(ranks.status) == {"ok"}


@pytest.mark.parametrize(
    ("before", "after", "code", "told"),
    [
        ("    opened.ready()\n", "    return\n", 1, "NoResult: the stage of example.feature_rank returned"),
        ("    opened.ready()\n", "    raise RuntimeError('lost')\n", 1, "RuntimeError: lost"),
        (
            '{"rank": effective',
            '{"rank": "r", "x": effective',
            1,
            "gives a row that is none: 'rank'",
        ),
        (
            '{"rank": effective',
            '{"rank": torch.ones(2), "x": effective',
            1,
            "gives a row that is none",
        ),
        (
            "Result([row]))",
            "Result([row], {'a/b': {}}))",
            1,
            "names weights as no file can be",
        ),
        ("Result([row]))", "Result([row], step=3))", 1, "NoResult: the stage of .* returned without"),
        ("Result([row]))", "Result([], status='diverged'))", 0, "feature_rank: 4 made"),
        ('"example.feature_rank"', '"feature_rank"', 2, "give it a prefix of your own"),
        ("    title=", '    resources="gpu",\n    title=', 2, "resources=gpu: allowed are"),
        ("COUNT = 2000", "COUNT = 2000 if __name__ == '__main__' else 1 / 0", 2, "ZeroDivisionError"),
        ("COUNT = 2000", "COUNT = 2000 if __name__ == '__main__' else exit(3)", 2, "SystemExit: 3"),
    ],
)
def test_what_a_kind_does_wrong_is_one_message(
    tmp_path: Path, before: str, after: str, code: int, told: str
) -> None:
    copied(tmp_path, "feature_rank", (before, after))
    done = run(tmp_path, "feature_rank", "--local")
    assert done.returncode == code, done.stdout + done.stderr
    assert re.search(told, done.stdout + done.stderr) and "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("before", "after", "code", "told"),
    [
        ("width, size: 4 * width", "width, size: 3 * width", 2, "embedding of shape (2, 16) for two images"),
        (
            'norms=("none",)',
            'norms=("batch",)',
            2,
            "norms=('batch',) is declared, and its modules say otherwise",
        ),
        ("nn.Conv2d(before, after, 3", "nn.LazyConv2d(after, 3", 2, "can't be built and run"),
        ("x_BCHW.mean((2, 3))", "1 / 0", 2, "can't be built and run (ZeroDivisionError"),
        ("smallest=4", "smallest=16", 2, "data.size=8: example.convnet takes 16 or more"),
        ("train=1437", "train=1438", 2, "1438 images of its train split are declared, 1437 were read"),
        ("classes=10", "classes=9", 2, "its reader gives labels from 0 to 9, and classes=9"),
        ("shape=(1, 8, 8)", "shape=(1, 8, 9)", 2, "is not square: declare square= one of crop, pad, stretch"),
        ('SHA256 = "b', 'SHA256 = "c', 2, "other digits than those that were declared"),
        ("for split, hits in right.items()}", "for split, hits in ()}", 1, "gives no number for test"),
        ("dim=-1)", "dim=-1).mean()", 1, "loss example.cosine: gives (), not a number a sample"),
        ('"example.centroid"', '"logistic"', 2, "is no name of a measure from outside"),
        ("    declares=(\n", "    declares=(\n        7,\n", 2, "declares=7: is none of"),
    ],
)
def test_what_other_things_do_wrong_is_one_message(
    tmp_path: Path, before: str, after: str, code: int, told: str
) -> None:
    copied(tmp_path, "own_images", (before, after))
    done = run(tmp_path, "own_images", "--local")
    assert done.returncode == code, done.stdout + done.stderr
    assert told in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('norms=("none",)', 'norms=("none",), revision=2'),
        ("flips=False", "flips=False, revision=2"),
        ('"example.cosine", cosine', '"example.cosine", cosine, revision=2'),
        ('title="nearest centroid"', 'title="nearest centroid", revision=2'),
    ],
)
def test_a_revision_makes_new_keys(tmp_path: Path, before: str, after: str) -> None:
    """Of all that the network, the data set, the loss or the measure decides."""

    def keys() -> set[str]:
        done = typed(tmp_path, sys.executable, "-c", PROGRAM, *EXAMPLES["own_images"][0])
        assert done.returncode == 0, done.stderr
        return set(done.stdout.split())

    copied(tmp_path, "own_images")
    first = keys()
    copied(tmp_path, "own_images", (before, after))
    kept = {"norms": 3, "flips": 0, '"exam': 6, "title": 9}[
        before[:5]
    ]  # of pixels; of pixels and the teacher
    assert len(first) == 13 and len(first & keys()) == kept


PROGRAM = """
import sys, study
from randteach.config import overrides
from randteach.jobs import outside
from randteach.jobs.study import expand
adopted, _ = outside.adopt(study.STUDY)
print(*(job.key for job in expand(adopted, overrides.parse(adopted.presets["mini"], sys.argv[1:])).jobs))
"""
