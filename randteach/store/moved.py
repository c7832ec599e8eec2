"""Find older results of a plan's missing jobs, under the keys that they had before a correction.

A key moves where a meaning was corrected: by a field of a record (`specs.corrected`), or by a kind's
revision (`Kind.revised`). Both say why. Here keys are computed as they were before some of these
corrections, and looked up.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from itertools import combinations
from typing import Any

from randteach import identity
from randteach.jobs.job import Job
from randteach.kinds import KINDS
from randteach.store.store import Store

Reasons = frozenset[str]


@dataclass(frozen=True)
class Before:
    """A job's keys before each set of the corrections that concern it or what it hangs from."""

    key: str
    keys: Mapping[Reasons, str]
    concerns: Reasons

    def without(self, corrections: Reasons) -> str:
        """The key before these corrections."""
        return self.keys.get(corrections & self.concerns, self.key)


def older(jobs: Sequence[Job], missing: Sequence[Job], store: Store) -> Counter[tuple[str, ...]]:
    """How many of the missing jobs' older results the store holds, by why they no longer apply."""
    found = Counter[tuple[str, ...]]()
    planned = {job.key for job in jobs}
    made = {
        kind: {name.partition("@")[0] for name in store.done(kind)} - planned
        for kind in {job.kind for job in missing}
    }
    if not any(made.values()):  # as most often: nothing is there that could be an older result
        return found
    known = _before(_with_parents(jobs, missing))
    for job in missing:
        for corrections, key in known[job.key].keys.items():
            if key in made[job.kind]:
                made[job.kind].remove(key)
                found[tuple(sorted(corrections))] += 1
    return found


def _with_parents(jobs: Sequence[Job], missing: Sequence[Job]) -> list[Job]:
    """The missing jobs, and all that they hang from, parents first."""
    by_key = {job.key: job for job in jobs}
    found, left = dict[str, Job](), list(missing)
    while left:
        job = left[-1]
        above = [by_key[p.key] for p in job.parents if p.key in by_key and p.key not in found]
        left.extend(above)
        if not above:
            found[left.pop().key] = job
    return list(found.values())


def _before(jobs: Sequence[Job]) -> dict[str, Before]:
    """Older keys by today's key."""
    found: dict[str, Before] = {}
    for job in jobs:
        above = {parent.key: found[parent.key] for parent in job.parents if parent.key in found}
        raised = KINDS.find(job.kind).revised
        concerns = frozenset(_corrections(job.spec)).union(raised, *(b.concerns for b in above.values()))
        keys = {}
        for corrections in _sets(concerns):
            parents = {key: before.without(corrections) for key, before in above.items()}
            record = identity.encode(_record(job.spec, corrections, parents))
            revision = next((n for n, why in enumerate(raised, 1) if why in corrections), len(raised) + 1)
            keys[corrections] = identity.digest(f"{job.kind}/{revision}/{record}")
        found[job.key] = Before(job.key, keys, concerns)
    return found


def _sets(concerns: Reasons) -> Iterator[Reasons]:
    """All sets of corrections but the empty one, the largest first."""
    for count in range(len(concerns), 0, -1):
        yield from map(frozenset, combinations(sorted(concerns), count))


def _corrections(value: Any) -> Iterator[str]:
    """Why those of a record's values are what they are that a correction has set."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _corrections(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for name, absent, why in identity.layout(type(value))[1]:
            content = getattr(value, name)
            if why and content != absent:
                yield why
            yield from _corrections(content)


def _record(value: Any, corrections: Reasons, parents: Mapping[str, str]) -> Any:
    """A record as it was before some corrections, with the keys that its parents had then."""
    if isinstance(value, list | tuple):
        return [_record(item, corrections, parents) for item in value]
    if isinstance(value, str):
        return parents.get(value, value)
    if not is_dataclass(value) or isinstance(value, type):
        return identity.canonical(value)
    tag, kept = identity.layout(type(value))
    record = {"is": tag} if tag else {}
    for name, absent, why in kept:
        content = getattr(value, name)
        if content != absent and why not in corrections:
            record[name] = _record(content, corrections, parents)
    return record
