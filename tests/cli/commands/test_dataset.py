"""Data sets of one's own, from `randteach dataset add` to a study's table."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from randteach.cli import commands
from randteach.errors import DataError, UserError

DIGITS = load_digits()
SWEEP = """
import randteach as rt

{declaration}

def jobs(point):
    student = rt.distill_job(point)
    yield student
    yield from rt.snapshot_probes(point, student)

STUDY = rt.Study(
    name="own",
    question="?",
    presets={{
        "mini": rt.presets.MINIATURE | {{"data.name": {name}.name, "probe.data": "{probed}", "seed": 0}},
    }},
    jobs=jobs,
    reports=(),
    declares=({name},),
)
if __name__ == "__main__":
    rt.main(STUDY)
"""
TYPED = "alpha=0.3 net.width=4 head.hidden_dims=[32] head.bottleneck_dim=16 head.out_dim=64 distill.epochs=1"


def written(folder: Path, classes: bool = True) -> Path:
    """400 digits as images, 300 to train on, by class or without any."""
    for at, (pixels, label) in enumerate(zip(DIGITS.images[:400], DIGITS.target[:400], strict=True)):
        place = folder / ("train" if at < 300 else "test") / (str(label) if classes else "")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype(np.uint8)).save(place / f"{at:03d}.png")
    return folder


def added(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert commands.run(["dataset", "add", *args]) == 0
    return capsys.readouterr().out


def run(tmp_path: Path, declaration: str, probed: str = "") -> pd.DataFrame:
    """A study of the set that is declared so; its table."""
    name = declaration.partition(" = ")[0]
    text = SWEEP.format(declaration=declaration, name=name, probed=probed or f"mylab.{name.lower()}")
    (tmp_path / "sweep.py").write_text(text)
    command = [sys.executable, "sweep.py", "--preset", "mini", "--local", *TYPED.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return pd.read_csv(tmp_path / "out" / "own" / "results.csv")


def test_a_folder_of_images_is_declared_and_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declaration = added(capsys, str(written(tmp_path / "digits")))
    assert "shape=(1, 8, 8),\n    classes=10,\n    train=300,\n    test=100,\n" in declaration
    table = run(tmp_path, declaration)
    assert set(table[table.measure == "knn"].status) == {"ok"}
    assert table[table.measure == "knn"].value.min() > 30


def test_images_without_labels_are_distilled_on_and_probed_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declaration = added(capsys, str(written(tmp_path / "plain", classes=False)), "--size", "16")
    assert "classes=0" in declaration and "size=16" in declaration
    table = run(tmp_path, declaration, "mnist5k")
    assert set(table[table.measure == "knn"].probed_on) == {"mnist5k"}
    with pytest.raises(AssertionError, match=r"probe.data=mylab.plain: has no labels to probe with"):
        run(tmp_path, declaration)


def test_arrays_are_declared_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = (DIGITS.images * 15).astype(np.uint8), DIGITS.target
    np.savez(
        tmp_path / "Some digits.npz",
        x_train=images[:300],
        y_train=labels[:300],
        x_test=images[300:400],
        y_test=labels[300:400],
    )
    declaration = added(capsys, str(tmp_path / "Some digits.npz"))
    assert declaration.startswith('SOME_DIGITS = rt.DataSet(\n    name="mylab.some_digits"')
    table = run(tmp_path, declaration)
    assert table[table.measure == "knn"].value.min() > 30


def test_what_can_not_be_declared_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path / "digits")
    Image.fromarray(np.zeros((9, 20), np.uint8)).save(folder / "train" / "0" / "other.png")
    with pytest.raises(UserError, match="its images have 2 sizes; give one, as in --size 8"):
        added(capsys, str(folder))
    with pytest.raises(UserError, match="takes a prefix of your own"):
        added(capsys, str(folder), "--name", "digits")
    with pytest.raises(DataError, match="holds no images"):
        added(capsys, str(tmp_path / "nothing"))
    assert "train=301" in added(capsys, str(folder), "--size", "8")


def test_parts_are_declared_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Distilled on in FFCV's files or in memory, and probed on another set, repeated in three channels."""
    folder, draws = tmp_path / "cifar5m", np.random.default_rng(0)
    folder.mkdir()
    for number in range(11):  # the last one is behind the second, not behind the first
        x = draws.integers(0, 256, (30, 32, 32, 3), np.uint8)
        np.savez(folder / f"part{number}.npz", X=x, Y=np.arange(30) % 10)
    declaration = added(capsys, str(folder))
    assert "shape=(3, 32, 32),\n    classes=10,\n    train=330,\n    test=0,\n" in declaration
    assert declaration.index("part9.npz") < declaration.index("part10.npz")
    for number in range(11):
        digest = hashlib.sha256((folder / f"part{number}.npz").read_bytes()).hexdigest()
        assert f"'part{number}.npz': '{digest}'" in declaration
    table = run(tmp_path, declaration, "mnist5k")
    assert set(table[table.measure == "knn"].status) == {"ok"}
    with pytest.raises(AssertionError, match=r"probe.data=mylab.cifar5m: has no test images"):
        run(tmp_path, declaration)
    with pytest.raises(UserError, match="--size 8: is for folders of images"):
        added(capsys, str(folder), "--size", "8")
    (folder / "part3.npz").unlink()
    with pytest.raises(DataError, match=r"part3\.npz: is missing"):
        added(capsys, str(folder))
