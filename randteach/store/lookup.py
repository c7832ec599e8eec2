"""From keys and stored records back to what a user knows them by: settings, titles, studies."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from randteach.config.schema import Net
from randteach.errors import Damaged, Unknown, UserError
from randteach.identity.artifact import Artifact
from randteach.jobs.about import About
from randteach.jobs.fields import named
from randteach.jobs.job import Entry
from randteach.kinds import KINDS
from randteach.store import plans, work
from randteach.store.store import Store


@dataclass(frozen=True)
class Known:
    """A made job as the store knows it."""

    entry: Entry
    settings: Mapping[str, Any]
    config: Mapping[str, Any]


def key_of(store: Store, prefix: str) -> str:
    """The one key that begins with `prefix`: made, being made, failed or planned.

    Raises UserError where there is none, or several.
    """
    prefix = prefix.partition("@")[0].lower()
    if not re.fullmatch("[0-9a-f]{2,24}", prefix):
        raise UserError(f"{prefix!r} is no key: give two or more of its hexadecimal digits")
    found = {artifact.key for artifact in store.find(prefix)}
    unfinished = work.unfinished(store) + work.failures(store)
    found |= {key for key in unfinished if key.startswith(prefix)}
    found = found or {key for key in plans.every_entry(store) if key.startswith(prefix)}
    if len(found) == 1:
        return found.pop()
    if not found:
        raise UserError(f"{prefix}: no key in {store.address} begins so; `randteach ls` lists them")
    some = ", ".join(sorted(found)[:5]) + (", ..." if len(found) > 5 else "")
    raise UserError(f"{prefix}: {len(found)} keys begin so: {some}; give more digits")


def results(store: Store, key: str) -> list[Artifact]:
    """What is made of a key, in order of steps, states left out."""
    found = (artifact for artifact in store.find(key) if artifact.kind != "state")
    return sorted(found, key=lambda artifact: artifact.step or 0)


@contextmanager
def damage_told() -> Iterator[None]:
    """Turn damage, and what a newer version made, into one message with what to do."""
    try:
        yield
    except Unknown as unknown:
        raise UserError(str(unknown)) from None
    except Damaged as damage:
        raise UserError(f"{damage}; `randteach verify --set-aside` has it made again") from None


def made(store: Store) -> dict[str, list[Artifact]]:
    """Artifacts by key of all jobs that the store has something of, states left out."""
    found: dict[str, list[Artifact]] = {}
    for artifact in store.all():
        if artifact.kind != "state":
            found.setdefault(artifact.key, []).append(artifact)
    return found


class Lookup:
    """Reads records, each parent's once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._configs: dict[str, dict[str, Any]] = {}

    def job(self, artifact: Artifact) -> Known:
        """The job that made an artifact; Damaged where its config is not what was written.

        Raises Unknown where that holds other fields than this version knows.
        """
        config = self._config(artifact)
        reference, parent = _origin(artifact, config)
        above = self._above(parent) if parent else None
        with _as_known(artifact):
            return self._known(artifact, config, reference, above)

    def _known(
        self, artifact: Artifact, config: dict[str, Any], reference: Mapping[str, Any], above: Known | None
    ) -> Known:
        values = dict(above.settings if above else {}) | named(artifact.kind, config)
        seeds = {values.get(f"seeds.{name}") for name in ("teacher", "student", "order")}
        if len(seeds) == 1:
            values["seed"] = seeds.pop()
        role = {"draw": reference.get("role"), "pixels": "input"}.get(str(reference.get("is")), "student")
        if above:
            role = above.entry.labels["role"]
        if artifact.kind == "distill":
            role = "student"
        labels = {"role": role, "arch": values.get("net.arch"), "width": values.get("net.width")}
        labels |= {"dataset": values.get("data.name"), "alpha": values.get("alpha")}
        labels |= {"seed": values.get("seed", values.get("seeds.teacher"))}
        labels |= {"step": reference.get("step"), "probed_on": values.get("probe.data")}
        labels |= {"round": config.get("round"), "pair": _pair(config)}
        steps = {} if artifact.step is None else {artifact.step: 0.0}
        known = artifact.kind in KINDS and isinstance(KINDS[artifact.kind].title, str)
        about = None if known else self._planned.get(artifact.key)
        entry = Entry(artifact.kind, artifact.key, steps, tuple(_parents(config)), labels, about=about)
        return Known(entry, values, config)

    @cached_property
    def _planned(self) -> dict[str, About]:
        """What plans say of jobs whose record alone does not say what they are called."""
        entries = plans.every_entry(self.store).values()
        return {entry.key: entry.about for entry in entries if entry.about}

    def _above(self, artifact: Artifact) -> Known | None:
        """The job of a parent; of a damaged snapshot by another one of its training."""
        if not self.store.has(artifact):
            return None
        try:
            return self.job(artifact)
        except Damaged:
            for other in self.store.find(artifact.key, artifact.kind):
                with suppress(Damaged, Unknown, KeyError):
                    return self.job(other)
            raise

    def _config(self, artifact: Artifact) -> dict[str, Any]:
        if artifact.key not in self._configs:
            self._configs[artifact.key] = self.store.json(artifact, "config")
        return self._configs[artifact.key]


@contextmanager
def _as_known(artifact: Artifact) -> Iterator[None]:
    """A record that hashes to its key, but has not the fields that this version reads, is a newer one's."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise Unknown(artifact, "a record") from None


def origin(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The reference that a record is about: what it probes, trains, prunes or joins, or whom it copies."""
    if "ends" in config:
        return dict(config["ends"][0])
    found = (config.get(name) for name in ("reference", "start", "of", "teacher"))
    return next((reference for reference in found if reference), {})


def snapshot(reference: Mapping[str, Any]) -> Artifact:
    """The artifact that a record's reference to a snapshot names."""
    return Artifact(reference.get("kind", "distill"), reference["key"], reference["step"])


def _parents(config: Mapping[str, Any]) -> Iterator[Artifact]:
    """The artifacts that a record names: networks first, then masks."""
    for value in config.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and item.get("is") == "snapshot":
                yield snapshot(item)
    for name in ("mask", "within"):
        if config.get(name):
            yield Artifact("mask", config[name])


def _pair(config: Mapping[str, Any]) -> str | None:
    """Of a line, the beginnings of its ends' keys."""
    return "-".join(end["key"][:4] for end in config["ends"]) if "ends" in config else None


def network(store: Store, artifact: Artifact) -> tuple[Net, int, int]:
    """A trained network's architecture, channels and size of its input."""
    config = store.json(artifact, "config")
    reference, above = _origin(artifact, config)
    while above:
        reference, above = _origin(above, store.json(above, "config"))
    with _as_known(artifact):
        return Net(**reference["net"]), config["samples"]["channels"], config["samples"]["size"]


def _origin(artifact: Artifact, config: Mapping[str, Any]) -> tuple[Mapping[str, Any], Artifact | None]:
    """The reference that an artifact's record is about, and the snapshot that it names, if it does."""
    with _as_known(artifact):
        reference = origin(config)
        return reference, snapshot(reference) if reference.get("is") == "snapshot" else None


def studies_of(store: Store, key: str) -> list[str]:
    """Studies with a plan that has the key's job."""
    return [name for name in plans.studies(store) if key in plans.every_entry(store, name)]


def text(value: Any) -> str:
    """A value as the command line takes it."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
