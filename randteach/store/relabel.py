"""Give jobs of older plans today's labels, read from the store's records.

A job's swept settings are those of its own record and of all that it hangs from; what the store lacks
keeps its older labels.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from loaders import DATASETS
from randteach import identity
from randteach.errors import Damaged
from randteach.jobs import study
from randteach.jobs.downstream.tickets import of_none
from randteach.jobs.fields import flat, named
from randteach.jobs.job import Entry
from randteach.jobs.resolve import holdout, trainable
from randteach.store.lookup import origin
from randteach.store.store import Store

Values = dict[str, Any]
Settings = Mapping[str, Sequence[Any]]


def relabelled(store: Store, settings: Settings, jobs: Sequence[Entry]) -> list[Entry]:
    """The jobs of an older plan with today's labels; `settings` are the plan's, all values of each."""
    known = _Older(store, settings, jobs)
    return [known.labelled(entry) for entry in jobs]


class _Older:
    """Jobs of an older plan; each record is read once."""

    def __init__(self, store: Store, settings: Settings, entries: Sequence[Entry]) -> None:
        self.store, self.settings = store, settings
        self.entries = {entry.key: entry for entry in entries}
        self.swept = [name for name, values in settings.items() if len(values) > 1]
        self.made = {kind: store.done(kind) for kind in {entry.kind for entry in entries}}
        self._values: dict[str, Values] = {}
        self._draws: dict[str, str | None] = {}  # by the name of a teacher
        self._of_teacher: dict[str, list[Entry]] = {}
        for entry in entries:
            self._of_teacher.setdefault(entry.labels.get("teacher") or "", []).append(entry)

    def labelled(self, entry: Entry) -> Entry:
        """A job with today's labels."""
        labels = {name: value for name, value in entry.labels.items() if value is not None}
        fixed = self.settings.get("seeds.teacher", (None,))
        if entry.kind == "probe" and labels["role"] == "teacher" and tuple(fixed) != (None,):
            labels.pop("seed", None)  # it was the teacher's own, and no study's
            if len(seeds := self.settings["seed"]) == 1:
                labels["seed"] = seeds[0]
        if any(name not in study.COLUMNS for name in self.swept):
            values = self.values(entry)
            for name in self.swept:
                if name not in study.COLUMNS and self._is_planned(name, values.get(name)):
                    labels[name] = study.cell(values[name])
        if entry.kind == "mask" and labels.get("control") == "random":
            labels = of_none(labels)
        elif draw := self.draw(entry):
            labels["draw"] = draw
        return replace(entry, labels=labels)

    def _is_planned(self, name: str, value: Any) -> bool:
        """Whether a value is one that the plan swept, or what one of them stood for."""
        planned = self.settings[name]
        return value is not None and (value in planned or None in planned)

    def values(self, entry: Entry) -> Values:
        """All settings that a job's key depends on, as far as the store knows its record or its parents'."""
        if entry.key not in self._values:
            found: Values = {}
            for parent in reversed(entry.parents):
                if parent.key in self.entries:
                    found |= self.values(self.entries[parent.key])
            config = self.config(entry)
            own = {name: value for name, value in named(entry.kind, config).items() if value is not None}
            if "pair" in entry.labels and "round" not in entry.labels:
                own.pop("seeds.order", None)  # a child's number
            self._values[entry.key] = found | own | self._share(entry, config)
        return self._values[entry.key]

    def _share(self, entry: Entry, config: Mapping[str, Any]) -> Values:
        """The share of held out samples, of which a record has the number."""
        samples = flat(config)
        prefix = "probe.samples." if entry.kind == "plane" else "samples."
        name, count, apart = (samples.get(prefix + item) for item in ("name", "count", "holdout"))
        if not isinstance(name, str) or name not in DATASETS or count is None:
            return {}

        def fits(share: float) -> bool:
            if entry.kind in ("distill", "connect", "plane"):  # whose number of samples is another one
                return bool(share) == bool(apart)
            return count <= trainable(name, share) and holdout(name, count, share) == apart

        found = [share for share in self.settings.get("probe.val_fraction", ()) if fits(share)]
        return {"probe.val_fraction": found[0]} if len(found) == 1 else {}

    def draw(self, entry: Entry) -> str | None:
        """The first teacher's draw."""
        teacher = entry.labels.get("teacher")
        if teacher is None:
            return None
        if teacher not in self._draws:
            known = (self._first(other) for other in self._of_teacher[teacher])
            self._draws[teacher] = next((draw for draw in known if draw), None)
        return self._draws[teacher]

    def _first(self, entry: Entry) -> str | None:
        """The draw that a job's record, or that of a network above it, names."""
        reference = origin(self.config(entry))
        if reference.get("is") == "draw" and reference.get("role") == "teacher":
            bare = {name: reference[name] for name in ("is", "role", "seed", "net", "channels")}
            bare |= {"norm": "identity", "calibrated_on": None}
            return identity.digest(identity.encode(bare), 12)
        above = (self.entries.get(parent.key) for parent in entry.parents)
        return next((found for parent in above if parent and (found := self._first(parent))), None)

    def config(self, entry: Entry) -> dict[str, Any]:
        """A job's record; empty where the store has none that can be read."""
        for artifact in entry.artifacts:
            if artifact.kind == entry.kind and artifact.name in self.made[entry.kind]:
                with suppress(Damaged, KeyError, ValueError, OSError):
                    return self.store.json(artifact, "config")
        return {}
