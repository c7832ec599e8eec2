"""The demo as its users run it (slow), and a student on a GPU (where there is one)."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.studies import SMALL, gains, sweep, values


@pytest.mark.slow
def test_the_demo_shows_what_the_paper_says(tmp_path: Path) -> None:
    sweep(tmp_path)
    found = gains(tmp_path)
    for measure, points in (("linear", 5), ("linear_std", 3), ("knn", 4)):
        near = found[measure, 1e-10]
        assert (near > 0).all() and near.mean() >= points
    for measure in ("linear", "knn"):
        assert found[measure, 1.0].mean() < found[measure, 1e-10].mean()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_two_runs_on_a_gpu_are_equal(tmp_path: Path) -> None:
    """By FFCV under Ray, and from the device's memory in the process."""
    gpu = "resources.distill.gpus=1"
    sweep(tmp_path / "ffcv", *SMALL, gpu, "distill.epochs=2")
    sweep(tmp_path / "device", *SMALL, gpu, "distill.epochs=2", "loader=device", "--local")
    pd.testing.assert_frame_equal(values(tmp_path / "ffcv"), values(tmp_path / "device"), check_exact=True)
