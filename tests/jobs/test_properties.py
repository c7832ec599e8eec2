"""Any point that can be typed: its keys follow from what it means, and from nothing else."""

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from randteach import identity
from randteach.config import overrides
from randteach.config.schema import Config, get, settings
from randteach.config.setting import Setting
from randteach.errors import UserError
from randteach.jobs.choices import CATALOGUES
from randteach.jobs.job import Entry, Job
from randteach.jobs.resolve import resolve
from randteach.kinds import revisions
from randteach.store.lookup import text
from tests.studies import STUDY

hypothesis_settings.register_profile(
    "here", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("here")
BASE = STUDY.presets["mini"] | {"seed": "0", "alpha": "0.3"}
NAMES = {
    "data.name": ("fashion_mnist", "mnist", "mnist5k", "gaussian"),
    "probe.data": ("mnist", "fashion_mnist"),
}
SMALL = {"data.size": (16, 32), "data.channels": (1, 3), "probe.val_fraction": (0.0, 0.25)}
SKIPPED = {
    "data.like",
    "distill.steps",
    "data.root",
    "loader",
    "checkpoint_every",
}  # tied to others, or no part
FREE = [item for item in settings().values() if item.name not in SKIPPED and "resources" not in item.name]


def values_of(item: Setting) -> st.SearchStrategy[Any]:
    """Values that a setting allows, not too far out."""
    if choices := CATALOGUES.get(item.name, item.choices):
        return st.sampled_from(list(choices))
    if item.name in NAMES or item.name in SMALL:
        return st.sampled_from((NAMES | SMALL)[item.name])
    if "bool" in item.type:
        return st.booleans()
    low = item.low or 0
    if "float" in item.type:
        high = item.high if item.high is not None else item.below if item.below is not None else 10.0
        return st.floats(low, high, exclude_max=item.below is not None, allow_subnormal=False)
    whole = st.integers(int(low), 500)
    return st.lists(whole, max_size=3) if "list" in item.type else whole


@st.composite
def points(draw: st.DrawFn) -> dict[str, Any]:
    """Some settings with values, of which a point can be made."""
    chosen = draw(st.lists(st.sampled_from(FREE), max_size=6, unique_by=lambda item: item.name))
    values = {item.name: draw(values_of(item)) for item in chosen}
    try:
        resolved(pairs(values))
    except UserError:
        assume(False)
    return values


def pairs(values: dict[str, Any]) -> list[str]:
    return [f"{name}={text(value)}" for name, value in values.items()]


def config_of(typed: Sequence[str]) -> Config:
    (point,) = overrides.parse(BASE, typed).points()
    return point


def resolved(typed: Sequence[str]) -> Config:
    return resolve(config_of(typed), frozenset())


def jobs(typed: Sequence[str]) -> list[Job]:
    return list(STUDY.jobs(resolved(typed)))


def keys(typed: Sequence[str]) -> list[str]:
    return [job.key for job in jobs(typed)]


def spellings(value: Any) -> list[str]:
    """Other ways to type a value."""
    if isinstance(value, bool):
        return [str(value), str(value).upper()]
    if isinstance(value, float):
        return [f"{value:.17e}", f"+{value!r}", f"  {value!r} "]
    if isinstance(value, int):
        return [f"+{value}", f" {value}"]
    if isinstance(value, list):
        return ["[" + " , ".join(map(str, value)) + "]"]
    return [f'"{value}"', f"'{value}'"]


@given(points(), st.data())
def test_order_and_spelling_are_nothing(values: dict[str, Any], data: st.DataObject) -> None:
    typed = [f"{name}={data.draw(st.sampled_from(spellings(value)))}" for name, value in values.items()]
    assert keys(data.draw(st.permutations(typed))) == keys(pairs(values))


@given(points())
def test_the_command_line_brings_a_point_back(values: dict[str, Any]) -> None:
    config = config_of(pairs(values))
    assert {name: get(config, name) for name in values} == values
    again = [f"{name}={text(get(config, name))}" for name in settings()]
    assert config_of(again) == config and keys(again) == keys(pairs(values))


@given(points())
def test_a_record_on_disk_has_its_key(values: dict[str, Any]) -> None:
    for job in jobs(pairs(values)):
        written = identity.dumps(job.spec)
        assert identity.revision(job.kind, written.encode(), job.key) == revisions()[job.kind]
        # Read and written again by any JSON library it is the same text, in whatever order it was held.
        read = json.loads(written)
        turned = {name: read[name] for name in reversed(read)}
        assert json.dumps(turned, sort_keys=True, separators=(",", ":")) == written
        assert identity.revision(job.kind, written.replace("1", "2", 1).encode() + b" ", job.key) is None
        assert Entry.from_json(json.loads(json.dumps(job.entry.as_json()))) == job.entry


def meaning(record: Any) -> Any:
    """All of a record that belongs to its identity, kept apart by type."""
    if is_dataclass(record):
        kept = [item for item in fields(record) if item.metadata.get("key", True)]
        return type(record).__name__, *((item.name, meaning(getattr(record, item.name))) for item in kept)
    return record


@given(points(), points())
def test_another_meaning_is_another_key(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Keys are equal where records are, and only there."""
    for ours in jobs(pairs(one)):
        for theirs in jobs(pairs(other)):
            same = meaning(ours.spec) == meaning(theirs.spec)
            assert (ours.key == theirs.key) == same


@given(
    points(),
    st.sampled_from([item for item in FREE if item.name.startswith(("distill.", "head."))]),
    st.data(),
)
def test_a_setting_of_the_student_moves_its_key(
    values: dict[str, Any], item: Setting, data: st.DataObject
) -> None:
    assume(item.key and item.name not in values)
    changed = values | {item.name: data.draw(values_of(item))}
    try:
        before, after = config_of(pairs(values)), config_of(pairs(changed))
        moved = keys(pairs(values))[0] != keys(pairs(changed))[0]
    except UserError:
        assume(False)
    assert moved == (get(before, item.name) != get(after, item.name))
