"""Begin MLflow's runs anew for jobs that have been set aside since, without the older rows."""

from contextlib import suppress
from typing import TYPE_CHECKING

from randteach.errors import Damaged, Unknown
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Entry
from randteach.store.store import Store
from randteach.tracking import metrics

if TYPE_CHECKING:
    from randteach.tracking.tree import Tree


def stamp(entry: Entry, store: Store) -> str:
    """The mark of a run whose job is written whole; empty if there is nothing to write."""
    with suppress(KeyError, Damaged, Unknown):
        return f"{entry.artifacts[-1].name} {store.commit_of(entry.artifacts[-1]).attempt}"
    return ""


def stale(entry: Entry, written: str, store: Store) -> bool:
    """Whether the artifact whose rows a run has, by its stamp, is gone or has been made anew."""
    name, _, attempt = written.partition(" ")
    try:
        return bool(written) and store.commit_of(Artifact.named(entry.kind, name)).attempt != attempt
    except Unknown:
        return False
    except (KeyError, ValueError, Damaged):
        return True


def renew(tree: "Tree", found: list[Entry]) -> None:
    """Drop the runs of some jobs, of those that show their curves, and all below; they are written again."""
    if not found:
        return
    homes = {key: metrics.above(entry, tree.entries) for key, entry in tree.entries.items()}
    dropped = {entry.key for entry in found} | {homes[entry.key] for entry in found}.intersection(homes)
    for key, home in homes.items():
        if key in dropped or home in dropped:
            tree.written.pop(key, None)
            if run := tree.runs.pop(key, None):
                tree.client.delete_run(run)
