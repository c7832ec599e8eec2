"""A small study on real images, from the command line to the table: locally, again, and extended."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

SMALL = [
    "seed=0",
    "alpha=0.3",
    "net.width=4",
    "data.train_size=500",
    "probe.train_size=500",
    "probe.test_size=300",
    "head.hidden_dims=[32]",
    "head.bottleneck_dim=16",
    "head.out_dim=64",
    "probe.at=[0,1]",
]


def sweep(out: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "sweeps/init_distance.py", "--preset", "mini", "--out", str(out), *args]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})


def values(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "init_distance" / "results.csv")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("local")
    done = sweep(out, "--local", *SMALL, "distill.epochs=2")
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_it_leaves_table_figure_and_tracking(local: Path) -> None:
    for name in ("results.csv", "results.parquet", "figure.png", "figure.pdf"):
        assert (local / "init_distance" / name).stat().st_size
    assert (local / "mlflow.db").exists()


def test_again_trains_nothing_and_changes_nothing(local: Path) -> None:
    before = (local / "init_distance" / "results.csv").read_bytes()
    done = sweep(local, "--local", *SMALL, "distill.epochs=2")
    assert done.returncode == 0
    assert "0 missing" in done.stdout
    assert (local / "init_distance" / "results.csv").read_bytes() == before


def test_ray_memory_and_a_lengthened_run_give_the_same_bits(local: Path, tmp_path: Path) -> None:
    """Under Ray, from memory, first one epoch and then the second: against two at once, by FFCV."""
    for epochs in ("1", "2"):
        done = sweep(tmp_path, "loader=memory", *SMALL, f"distill.epochs={epochs}")
        assert done.returncode == 0, done.stdout + done.stderr
    pd.testing.assert_frame_equal(values(local), values(tmp_path), check_exact=True)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("alhpa=0", "did you mean alpha?"),
        ("alpha=2", "alpha=2.0: allowed are numbers from 0 to 1"),
        ("net.arch=vgg12", "allowed are resnet18, vgg11"),
        ("net.arch=vgg11", "data.size=32"),
        ("data.name=nist", "no such data set"),
        ("data.train_size=70000", "70000"),
        ("net.width=x", "takes a value of type int"),
        ("loader=ffcv,memory", "can't be swept"),
    ],
)
def test_a_mistake_is_one_message(tmp_path: Path, setting: str, message: str) -> None:
    done = sweep(tmp_path, setting)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(tmp_path.iterdir())
