"""Find the jobs that the store lacks."""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from randteach.identity.artifact import Artifact
from randteach.jobs.job import Entry, Job
from randteach.store.store import Store

AnyJob = TypeVar("AnyJob", Job, Entry)


def missing(jobs: Sequence[AnyJob], store: Store, gone: Collection[Artifact] = ()) -> list[AnyJob]:
    """Those of some jobs, or of their entries, that the store lacks; none below a diverged network."""
    skipped, lacking = below_diverged(jobs, store, gone)
    return [job for job in lacking if job.key not in skipped]


def done(kinds: Iterable[str], store: Store, gone: Collection[Artifact] = ()) -> dict[str, set[str]]:
    """Names of what the store holds of some kinds, less what is to be gone."""
    return {kind: store.done(kind) - {a.name for a in gone if a.kind == kind} for kind in set(kinds)}


def below_diverged(
    jobs: Sequence[AnyJob], store: Store, gone: Collection[Artifact] = ()
) -> tuple[set[str], list[AnyJob]]:
    """Keys of jobs that can't be made since a parent diverged, and all jobs that are not made."""
    made = done((artifact.kind for job in jobs for artifact in job.artifacts), store, gone)
    lacking = [job for job in jobs if any(a.name not in made[a.kind] for a in job.artifacts)]
    parents = {p for job in lacking for p in job.parents if p.name in made.get(p.kind, ())}
    diverged = {parent for parent in parents if store.diverged(parent)}
    skipped: set[str] = set()
    for job in lacking:  # parents first
        if any(parent in diverged or parent.key in skipped for parent in job.parents):
            skipped.add(job.key)
    return skipped, lacking
