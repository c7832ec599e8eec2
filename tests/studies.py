"""Small studies for tests: settings, and a sweep run as it is typed."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from randteach.report import features, rows, statistics
from randteach.stages.recorder import Recorder

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
STUDY = importlib.import_module("sweeps.init_distance").STUDY


class Quiet(Recorder):
    """Keeps nothing of what a stage hands over."""


def sweep(out: Path, *args: str) -> str:
    """A sweep in a process of its own, as typed; what it printed."""
    command = [sys.executable, "sweeps/init_distance.py", "--preset", "mini", "--out", str(out), *args]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def values(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "init_distance" / "results.csv")


def gains(out: Path) -> pd.Series:
    """Students' gains over their own teachers at the last epoch, by measure, alpha and seed."""
    found = rows.records(values(out))
    over = statistics.gains(features.students(found), features.tested(found, "teacher"))
    return pd.DataFrame(over).set_index(["measure", "alpha", "seed"]).value
