"""docs/extending.md: its blocks, put together, are a file that runs."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from loaders.datasets.files import checksum
from loaders.datasets.mnist import DEBIAN, FASHION_MNIST
from loaders.datasets.readers import ImageFolder, Npz

TINY = "seed=0 alpha=0.3 net.width=4 head.hidden_dims=[32] head.bottleneck_dim=16 head.out_dim=64 "
TINY += "data.size=8 distill.epochs=1 probe.at=[0,1]"


def flowers(root: Path) -> dict[str, Path]:
    draws = np.random.default_rng(0)
    for split, count in (("train", 100), ("test", 20)):
        for label in "abc":
            folder = root / "flowers" / split / label
            folder.mkdir(parents=True)
            for at in range(count):
                Image.fromarray(draws.integers(0, 256, (12 + at % 9, 16, 3), np.uint8)).save(
                    folder / f"{at}.png"
                )
    return dict(ImageFolder("flowers", 16).files(root))


def scans(root: Path) -> dict[str, Path]:
    draws = np.random.default_rng(1)
    arrays = {}
    for split, count in (("train", 400), ("test", 80)):
        arrays[f"x_{split}"] = draws.integers(0, 256, (count, 16, 20), np.uint8)
        arrays[f"y_{split}"] = np.arange(count) % 4
    np.savez(root / "scans.npz", **arrays)
    return dict(Npz("scans.npz").files(root))


def clothes(root: Path) -> None:
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in FASHION_MNIST:
        (raw / name).write_bytes(gzip.decompress((DEBIAN / f"{name}.gz").read_bytes()))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's file, with the checksums of what is made up here."""
    folder = tmp_path_factory.mktemp("extending")
    root = folder / "out" / "data"
    root.mkdir(parents=True)
    page = Path("docs/extending.md").read_text()
    text = "\n\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    for name, files in (("FLOWERS", flowers(root)), ("SCANS", scans(root))):
        text = text.replace(f"sha256:{name}", checksum(files))
    clothes(root)
    (folder / "own.py").write_text(text)
    return folder / "own.py"


def test_the_page_is_a_file_that_runs_on_each_of_its_data_sets(file: Path) -> None:
    for data, loss in (("flowers", "mylab.cosine"), ("scans", "ce"), ("clothes", "ce")):
        typed = [*TINY.split(), f"data.name=mylab.{data}", f"distill.loss={loss}", "--name", data]
        if data == "clothes":
            typed += ["data.train_size=500", "probe.train_size=500", "probe.test_size=300"]
        command = [sys.executable, file.name, "--preset", "mini", "--local", *typed]
        done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        folder = file.parent / "out" / data
        assert (folder / "figure.png").exists() and (folder / "init_distance.png").exists()
        table = pd.read_csv(folder / "results.csv")
        assert set(table.status) == {"ok"} and {"rank", "mylab.centroid", "knn"} <= set(table.measure)


def test_its_tied_axis_can_be_typed(file: Path) -> None:
    typed = [*TINY.replace("net.width=4 ", "").split(), "net.arch:net.width=mylab.net:4,resnet18:8"]
    command = [sys.executable, file.name, "--preset", "mini", "--local", "--dry-run", *typed]
    done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "  distill      2 " in done.stdout
