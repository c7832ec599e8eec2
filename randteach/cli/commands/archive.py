"""`randteach export`: a study with all its parents as one tar, which `randteach import` takes.

export.json                         format, study, and how many artifacts there are
studies/NAME/DIGEST.json            its plans, the one run last at the end
done/KIND/KEY[@STEP].json           commits
objects/KIND/KEY[@STEP]/FILE        their files, each behind its commit
"""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console

from randteach.cli.commands.inventory import left_out
from randteach.cli.estimate import size
from randteach.environment import disk, paths
from randteach.errors import UserError
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Entry
from randteach.store import plans
from randteach.store.artifacts import commit_name
from randteach.store.lookup import damage_told
from randteach.store.store import Store

FORMAT = 1  # of an export


def export(store: Store, study: str, target: Path, console: Console) -> int:
    """Write a study to a tar, the same bytes whenever the store holds the same of it."""
    entries = plans.every_entry(store, study, left_out(console))
    last = plans.last_file(store, study)
    if target.exists():
        raise UserError(f"{target}: is there already; delete it, or give another name")
    artifacts, newer = _split(store, _artifacts(store, entries))
    about = {"format": FORMAT, "study": study, "artifacts": len(artifacts)}
    with (
        damage_told(),
        disk.writing(target.parent, "FILE"),
        disk.replacing(target) as temporary,
        tarfile.open(temporary, "w") as tar,
    ):
        _add(tar, "export.json", json.dumps(about).encode())
        for path in [*(path for path in plans.readable(store, study) if path != last), last]:
            _add(tar, path, store.storage.read(path))
        for artifact in artifacts:
            _add_artifact(tar, store, artifact)
    made = f"{paths.short(target)}: {study}, {len(artifacts)} artifacts"
    _told(store, entries, made, target, newer, console)
    return 0


def _add_artifact(tar: tarfile.TarFile, store: Store, artifact: Artifact) -> None:
    try:
        commit = store.commit_of(artifact)
        _add(tar, f"done/{artifact.kind}/{artifact.name}.json", store.storage.read(commit_name(artifact)))
        for name in sorted(commit.files):
            _add(tar, f"objects/{artifact.kind}/{artifact.name}/{name}", store.read(artifact, name))
    except (KeyError, FileNotFoundError):
        raise UserError(
            f"{artifact.kind} {artifact.name}: was set aside as damaged, or removed, meanwhile; export again"
        ) from None


def _told(
    store: Store, entries: Mapping[str, Entry], made: str, target: Path, newer: int, console: Console
) -> None:
    lacking = [a for entry in entries.values() for a in entry.artifacts if not store.has(a)]
    aside = len(store.aside().intersection(lacking))
    note = f"; {len(lacking)} are not made yet" if lacking else ""
    note += f", {aside} of them were damaged and set aside: run the study again first" if aside else ""
    note += f"; {newer} that this version doesn't know are left out" if newer else ""
    console.print(f"{made}, {size(target.stat().st_size)}{note}", highlight=False, markup=False)


def _artifacts(store: Store, entries: Mapping[str, Entry]) -> Iterator[Artifact]:
    """All that the store holds of some jobs and their parents, states included."""
    wanted = {a for entry in entries.values() for a in (*entry.artifacts, *entry.parents)}
    trajectories = {artifact.key for artifact in wanted if artifact.step is not None}
    for artifact in (*store.all(), *store.strange()):
        if artifact in wanted or (artifact.kind == "state" and artifact.key in trajectories):
            yield artifact


def _split(store: Store, found: Iterator[Artifact]) -> tuple[list[Artifact], int]:
    """The artifacts that this version knows, and how many there are that it doesn't."""
    artifacts = list(found)
    unknown = {a.key for a in artifacts if a.kind != "state" and not store.known(a)}
    return [a for a in artifacts if a.key not in unknown], sum(a.key in unknown for a in artifacts)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(content), 0o644
    tar.addfile(about, io.BytesIO(content))
