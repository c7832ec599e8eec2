"""Axes: typed presets, and settings that have one axis together."""

from collections.abc import Sequence

import pytest

from randteach.config.overrides import parse
from randteach.config.presets import Preset, texts
from randteach.config.schema import Config
from randteach.errors import UserError

TIED: Preset = {"net.arch:data.size": (("resnet18", 16), ("vgg11", 32)), "seed": (0, 1)}


def points(preset: Preset, *typed: str) -> list[tuple[object, ...]]:
    return [_shown(point) for point in parse(preset, typed).points()]


def _shown(point: Config) -> tuple[object, ...]:
    return point.net.arch, point.data.size, point.seed, point.alpha


def test_a_preset_is_spelled_as_it_would_be_typed() -> None:
    preset: Preset = {
        "alpha": (1e-10, 0.5, 1.0),
        "seed": 0,
        "probe.at": [0, 1, 2],
        "probe.data": None,
        "head.weight_norm": (True, False),
        "head.hidden_dims": ([8], [9, 9]),
        "data.root": "a folder, with a comma",
        "net.arch": "resnet18,vgg11",
        "data.name:net.width": (("mnist", 8), ("mnist5k", 4)),
        "data.size:tickets.rewind": ((8, [1, 2]),),
        "downstream": ["probe", "tickets"],
    }
    assert texts(preset) == {
        "alpha": "1e-10,0.5,1",
        "seed": "0",
        "probe.at": "[0,1,2]",
        "probe.data": "null",
        "head.weight_norm": "true,false",
        "head.hidden_dims": "[8],[9,9]",
        "data.root": "a folder, with a comma",
        "net.arch": "resnet18,vgg11",
        "data.name:net.width": "mnist:8,mnist5k:4",
        "data.size:tickets.rewind": "8:[1,2]",
        "downstream": "[probe,tickets]",
    }


def test_tied_settings_have_one_axis() -> None:
    expected = [
        ("resnet18", 16, 0, 0.0),
        ("resnet18", 16, 1, 0.0),
        ("vgg11", 32, 0, 0.0),
        ("vgg11", 32, 1, 0.0),
    ]
    assert points(TIED) == expected
    assert points({}, "net.arch:data.size=resnet18:16,vgg11:32", "seed=0,1") == expected
    three = points({}, "net.arch:data.size:alpha=resnet18:16:0.3,vgg11:32:1", "seed=5")
    assert three == [("resnet18", 16, 5, 0.3), ("vgg11", 32, 5, 1.0)]


def test_values_of_a_tied_axis_may_repeat_and_points_do_not() -> None:
    found = points({}, "net.arch:seed:alpha=resnet18:0:0.1,resnet18:1:0.2,vgg11:0:0.1,resnet18:0:0.1")
    assert found == [("resnet18", None, 0, 0.1), ("resnet18", None, 1, 0.2), ("vgg11", None, 0, 0.1)]
    constant = points({}, "net.arch:data.size=resnet18:16,resnet18:32")
    assert constant == [("resnet18", 16, 0, 0.0), ("resnet18", 32, 0, 0.0)]


def test_what_is_typed_takes_the_place_of_a_presets_tied_axis() -> None:
    assert points(TIED, "net.arch:data.size=vgg11:64", "seed=0") == [("vgg11", 64, 0, 0.0)]
    both = points(TIED, "net.arch=vgg11,resnet18", "data.size=32", "seed=0")
    assert both == [("vgg11", 32, 0, 0.0), ("resnet18", 32, 0, 0.0)]
    ties = points({"net.arch": ("resnet18", "vgg11"), "data.size": 8}, "net.arch:data.size=vgg11:32")
    assert ties == [("vgg11", 32, 0, 0.0)]


@pytest.mark.parametrize(
    ("preset", "typed", "told"),
    [
        (TIED, ["net.arch=vgg11"], "net.arch: goes together with data.size in the preset; type both, as in"),
        ({}, ["net.arch:data.size=vgg11"], "takes 2 values a point: <net.arch>:<data.size>"),
        ({}, ["net.arch:data.size=vgg11:32:1"], "takes 2 values a point"),
        ({}, ["net.arch:size=vgg11:32"], "size: no such setting; did you mean data.size"),
        ({}, ["net.arch:data.size=vgg11:x"], "data.size=x: takes a value of type int"),
        ({}, ["net.arch:rounds=vgg11:2"], "rounds=2: can't be swept"),
        ({}, ["net.arch:net.arch=vgg11:vgg11"], "net.arch is given twice"),
        ({}, ["net.arch:seed=vgg11:0", "seed=1"], "seed is given twice"),
    ],
)
def test_mistakes_with_tied_axes_are_told(preset: Preset, typed: Sequence[str], told: str) -> None:
    with pytest.raises(UserError) as error:
        parse(preset, typed)
    assert told in str(error.value)


def test_a_later_entry_of_a_preset_replaces_what_it_names() -> None:
    preset = {"net.arch": "vgg11", "net.width": 4, "seed": (0, 1), "net.arch:net.width": (("resnet18", 8),)}
    assert texts(preset) == {"seed": "0,1", "net.arch:net.width": "resnet18:8"}
    assert texts({**preset, "net.width": 3}) == {"seed": "0,1", "net.arch:net.width": "resnet18:8"}
