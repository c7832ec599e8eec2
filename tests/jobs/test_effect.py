"""Settings that decide nothing in a study: refused where they are typed, in every sweep."""

import importlib

import pytest

from randteach.config import overrides
from randteach.config.schema import settings
from randteach.jobs import effect
from randteach.jobs.study import Study

ALL = [name for name in settings() if not name.startswith(effect.ALWAYS)]
NOISE = ("data.sigma", "seeds.noise")  # no random inputs
ONE_SET = ("probe.normalise",)  # distilled and probed on the same
UNPROBED = ("probe.batch_size", "probe.epochs", "probe.lr", "probe.neighbours", "probe.weight_decay")
UNPROBED += ("seeds.probe",)
# What decides nothing with the preset mini: whole sections that a sweep has no jobs for, and single settings.
USELESS = {
    "init_distance": ("train.", "tickets.", "connect.", "plane.", "rounds", "seeds.augment", "seeds.train"),
    "lottery_tickets": ("connect.", "plane.", "tickets.alphas", "downstream", *UNPROBED),
    "mode_connectivity": ("tickets.", "plane.", "connect.alphas", "downstream", "rounds", *UNPROBED),
    "loss_landscape": (
        *("train.", "tickets.", "connect.", "alpha", "downstream", "rounds", "seeds.augment", "seeds.train"),
    ),
    "restart": (*("train.", "tickets.", "connect.", "plane.", "downstream", "seeds.augment", "seeds.train"),),
}


def study(name: str) -> Study:
    found: Study = importlib.import_module(f"sweeps.{name}").STUDY
    return found


def useless(name: str, *pairs: str) -> set[str]:
    """Of all settings, as if each were typed with its value in the preset."""
    axes = overrides.parse(study(name).presets["mini"], [*pairs])
    values = {one: axes.values.get(one, (item.default,)) for one, item in settings().items()}
    return set(effect.useless(study(name), overrides.Axes(values, frozenset(ALL))))


@pytest.mark.parametrize("name", USELESS)
def test_what_a_sweep_has_no_jobs_for_decides_nothing(name: str) -> None:
    expected = {
        one
        for one in ALL
        if one in USELESS[name] or one.startswith(tuple(n for n in USELESS[name] if n[-1] == "."))
    }
    assert useless(name) == expected | {*NOISE, *ONE_SET}


@pytest.mark.parametrize(
    ("pair", "decide"),
    [
        (
            "downstream=[probe,tickets]",
            {"tickets.fraction", "train.lr", "rounds", "seeds.train", "seeds.augment"},
        ),
        ("downstream=[connect]", {"connect.children", "train.lr"}),
        ("data.name=gaussian", {"data.sigma", "seeds.noise"}),
        ("data.name=shuffled_each", {"seeds.noise"}),
        ("data.augment=flip_crop", {"seeds.augment"}),
        ("probe.data=mnist5k", {"probe.normalise"}),
    ],
)
def test_what_another_setting_brings_in_decides(pair: str, decide: set[str]) -> None:
    before = useless("init_distance")
    assert decide <= before and not decide & useless("init_distance", pair)
