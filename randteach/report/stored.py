"""A study as a store knows it: its last plan, how far that is made, its results, and how they were made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from randteach.config import presets
from randteach.config.schema import settings
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Entry
from randteach.report import paper, table
from randteach.report.provenance import Provenance, provenance
from randteach.report.results import Results
from randteach.store import plans, work
from randteach.store.missing import below_diverged
from randteach.store.store import Store

# What decides no number, and folders.
LEFT_OUT = ("resources.", "loader", "checkpoint_every", "data.root")
LONGEST = 4000  # characters of a command


@dataclass(frozen=True)
class Stored:
    """What a store has of a study."""

    name: str
    question: str
    command: str  # of the last start; empty where it is not on record
    settings: Mapping[str, Any]  # of the plan: all values of each
    jobs: int
    made: int
    failed: int
    skipped: int  # below a network that diverged
    damaged: int
    results: Results
    reports: Sequence[str] = ()  # of the plan; none where an older version wrote it
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def state(self) -> str:
        """How far the plan is made: "36 of 38 jobs are made; 1 failed, 1 is missing"."""
        text = f"{self.made} of {self.jobs} jobs are made"
        left = self.jobs - self.made - self.failed - self.skipped
        parts = [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.skipped} skipped below a network that diverged"] if self.skipped else []
        parts += [f"{left} missing"] if left > 0 else []
        parts += [f"{self.damaged} damaged, without numbers here"] if self.damaged else []
        return text + (f"; {', '.join(parts)}" if parts else "")

    @cached_property
    def chosen(self) -> dict[str, str]:
        """Settings that are swept, or are not at their defaults, as typed."""
        known = settings()
        found = {}
        for name, values in self.settings.items():
            default = [known[name].default] if name in known else None
            if values != default and not name.startswith(LEFT_OUT):
                found[str(name)] = ", ".join(presets.text(value) for value in values)
        return found


def stored(store: Store, name: str) -> Stored:
    """What a store has of a study; Unreadable where no plan of it can be read."""
    plan, entries = plans.whole(store, name)
    skipped, lacking = below_diverged(entries, store)
    missing = {entry.key for entry in lacking}
    damaged: list[str] = []
    frame = table.build(
        store, name, entries, plan["settings"], lambda damage: damaged.append(damage.artifact.key)
    )
    return Stored(
        name,
        plan.get("question", ""),
        str(plans.last_start(store, name).get("command") or "")[:LONGEST],
        plan["settings"],
        len(entries),
        len(entries) - len(missing),
        len(missing.intersection(work.failures(store))),
        len(skipped),
        len(set(damaged)),
        Results(frame, plan["settings"], presets.PAPER | {"alpha": paper.START}),
        plan.get("reports", ()),
        provenance(store, [_last(entry) for entry in entries if entry.key not in missing]),
    )


def _last(entry: Entry) -> Artifact:
    return [artifact for artifact in entry.artifacts if artifact.kind == entry.kind][-1]
