"""Find results that other code has made, and make them again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from randteach import identity
from randteach.environment import code
from randteach.errors import Damaged, UserError
from randteach.identity import names
from randteach.identity.artifact import Artifact
from randteach.jobs import made_by
from randteach.jobs.job import Entry, Job
from randteach.store import plans, work
from randteach.store.session import Sessions
from randteach.store.store import Store


def other_code(jobs: Iterable[Job], store: Store) -> tuple[list[Artifact], list[Artifact]]:
    """Made results of some jobs that this code has not made: those of code that is noted, and all others.

    By listings alone. A note can be lost, and so a few may be this code's after all.
    """
    notes, others, unknown = store.notes(), list[Artifact](), list[Artifact]()
    done: dict[str, set[str]] = {}
    for job in jobs:
        if job.kind not in done:
            done[job.kind] = store.done(job.kind)
        for artifact in job.artifacts:
            if artifact.kind == job.kind and artifact.name in done[job.kind] and (ours := _ours(job)):
                digests = notes.get(f"{artifact.kind}/{artifact.name}")
                if not digests:
                    unknown.append(artifact)
                elif ours not in digests:
                    others.append(artifact)
    return others, unknown


@dataclass(frozen=True)
class Remake:
    """What is to be set aside: `chosen` jobs that other code has made, and those below them.

    `commits` are the artifacts of both, children before their parents, so that nothing stays that was made
    from what is gone; `unfinished` are attempts below `work/` that would be gone on with.
    """

    chosen: int
    below: int
    commits: Sequence[Damaged]
    unfinished: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.commits or self.unfinished)

    @property
    def text(self) -> str:
        """What will be done, for people."""
        parts = [f"{self.chosen} jobs that other code has made"] if self.chosen else []
        parts += [f"{self.below} below them"] if self.below else []
        parts += [f"{len(self.unfinished)} unfinished attempts"] if self.unfinished else []
        return f"--remake sets aside {', '.join(parts)}"

    @property
    def artifacts(self) -> set[Artifact]:
        """The artifacts that will be missing."""
        return {commit.artifact for commit in self.commits}

    def check_unused(self, store: Store, own: str = "") -> None:
        """UserError where a live sweep, but for the session that is one's `own`, uses any of it."""
        keys = {artifact.key for artifact in self.artifacts}
        keys |= {name.partition("/")[0] for name in self.unfinished}
        sessions = Sessions(store)
        for token in sessions.tokens():
            if token == own or not sessions.alive(token):
                continue
            about = sessions.about(token)
            study = str(about.get("study", ""))
            planned = plans.every_entry(store, study) if study in plans.studies(store) else {}
            if keys & planned.keys() or any(work.owner(store, key) == token for key in keys):
                raise UserError(
                    f"--remake: the sweep of {study} on {about.get('host')} (process {about.get('pid')}) "
                    "uses these results; wait for its end, or stop it. `randteach gc --yes` removes one that "
                    "has died on another machine"
                )

    def set_aside(self, store: Store, own: str = "") -> None:
        """Move all of it below `aside/`; what was made anew meanwhile stays."""
        self.check_unused(store, own)
        for commit in self.commits:
            store.set_aside(commit)
        for name in self.unfinished:
            with suppress(FileNotFoundError):
                store.storage.move(f"work/{name}", f"aside/work/{name}")


NOTHING = Remake(0, 0, (), ())


def remake(jobs: Sequence[Job], store: Store) -> Remake:
    """What of some jobs other code has made, and all below it in the store's plans.

    Raises UserError where a live sweep uses any of it.
    """
    ours = {job.key: _ours(job) for job in jobs}
    chosen = {a.key for found in other_code(jobs, store) for a in found if not _is(a, ours[a.key], store)}
    entries = plans.every_entry(store) | {job.key: job.entry for job in jobs}
    order = _with_all_below(chosen, entries)
    made = defaultdict[str, list[Artifact]](list)
    for artifact in store.all() if order else ():
        made[artifact.key].append(artifact)
    commits = [_seen(artifact, store) for key in order for artifact in made[key]]
    affected = set(order)
    planned = {job.key for job in jobs} | affected
    unfinished = [
        name
        for name in sorted(store.storage.walk("work", 2))
        if (at := name.partition("/"))[0] in planned and names.fits(names.WORK, at[2])
        if at[0] in affected or code.made_with(at[2]) != ours[at[0]]
    ]
    below = sum(bool(made[key]) for key in affected - chosen)
    found = Remake(len(chosen), below, commits, unfinished)
    found.check_unused(store)
    return found


def _ours(job: Job) -> str:
    """The digest of the code that would make a job here."""
    return made_by.digest(job.kind, identity.dumps(job.spec))


def _is(artifact: Artifact, ours: str, store: Store) -> bool:
    """Whether this code has made a result after all; its note is written then."""
    with suppress(KeyError, Damaged):
        if code.made_with(store.commit_of(artifact).attempt) == ours:
            store.note(artifact, ours)
            return True
    return False


def _seen(artifact: Artifact, store: Store) -> Damaged:
    """An artifact's commit as it is now."""
    try:
        commit = store.commit_of(artifact)
        return Damaged(artifact, commit.attempt, "made by other code", commit.text)
    except Damaged as damage:
        return damage
    except KeyError:
        return Damaged(artifact, "", "gone")


def _with_all_below(keys: set[str], entries: dict[str, Entry]) -> list[str]:
    """Keys and those of all below them, children before their parents."""
    children = defaultdict[str, set[str]](set)
    for entry in entries.values():
        for parent in entry.parents:
            children[parent.key].add(entry.key)
    seen, order, left = set[str](), dict[str, None](), sorted(keys)
    while left:
        below = set[str]() if left[-1] in seen else children[left[-1]] - seen
        seen.add(left[-1])
        left.extend(sorted(below))
        if not below:
            order[left.pop()] = None
    return list(order)
