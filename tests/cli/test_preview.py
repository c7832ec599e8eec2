"""What a plan says before it runs."""

import importlib
from pathlib import Path

import pytest

from randteach.cli import preview
from randteach.config import overrides
from randteach.environment.console import Terminal
from randteach.jobs import study
from randteach.store.remake import NOTHING
from randteach.store.store import Store

FLIPS = "mirrors half of the images of"


@pytest.mark.parametrize(
    ("sweep", "typed", "said"),
    [
        ("lottery_tickets", "data.name=mnist", [f"train.augment=flip_crop {FLIPS} mnist, "]),
        ("lottery_tickets", "data.name=mnist train.augment=none", []),
        ("lottery_tickets", "data.name=fashion_mnist", []),
        ("lottery_tickets", "probe.data=mnist5k", [f"train.augment=flip_crop {FLIPS} mnist5k, "]),
        (
            "init_distance",
            "data.name=mnist,mnist5k,fashion_mnist,cifar10 data.channels=3 data.augment=none,flip_crop",
            [f"data.augment=flip_crop {FLIPS} mnist, ", f"data.augment=flip_crop {FLIPS} mnist5k, "],
        ),
        ("init_distance", "data.name=gaussian data.augment=flip_crop", []),
    ],
)
def test_it_warns_once_where_a_mirrored_image_is_none_of_its_class(
    sweep: str, typed: str, said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = importlib.import_module(f"sweeps.{sweep}").STUDY
    plan = study.expand(chosen, overrides.parse(chosen.presets["mini"], typed.split()))
    preview.show(Terminal(), plan, plan.jobs, Store(tmp_path), NOTHING)
    lines = [line for line in capsys.readouterr().out.splitlines() if FLIPS in line]
    assert len(lines) == len(said) and all(text in line for text, line in zip(said, lines, strict=True))
