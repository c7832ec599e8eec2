"""`randteach import`: what an export (`archive.py`) holds, taken into the store.

It is read whole and checked before anything is written: names, sizes, checksums, that each config hashes to
its key, and that each file says what such files say. Sizes are checked before anything is read. Then it is
read once more, and all is compared with what was checked.
"""

import hashlib
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from randteach import identity
from randteach.cli.commands.archive import FORMAT
from randteach.cli.commands.tar import PIECE, Export, opened
from randteach.environment import code
from randteach.errors import UserError
from randteach.identity import names, plain
from randteach.identity.artifact import Artifact
from randteach.jobs import recorded
from randteach.kinds import readable, revisions
from randteach.store import commits, contents, plans, work
from randteach.store.commits import Commit
from randteach.store.contents import RECORD
from randteach.store.session import Session
from randteach.store.store import Store

ARTIFACT = rf"(?P<kind>{names.KIND})/(?P<name>{names.ARTIFACT})"
PLAN = re.compile(rf"studies/(?P<study>[^/]+)/(?P<digest>{names.PLAN})\.json")
COMMIT = re.compile(rf"done/{ARTIFACT}\.json")
FILE = re.compile(rf"objects/{ARTIFACT}/(?P<file>{names.FILE})")
TEXT = 1 << 28  # bytes of a plan, or of a record's file
WEIGHTS = 1 << 33  # bytes of a file of weights


@dataclass
class Checked:
    """What a tar holds: plans by study, commits, which of their files were seen, and what is newer."""

    about: dict[str, Any] = field(default_factory=dict)
    plans: list[tuple[str, bytes]] = field(default_factory=list)
    commits: dict[Artifact, Commit] = field(default_factory=dict)
    seen: dict[Artifact, set[str]] = field(default_factory=dict)
    newer: set[Artifact] = field(default_factory=set)
    newer_plans: list[str] = field(default_factory=list)


def import_(store: Store, source: Path, console: Console) -> int:
    """Import a tar into the store; if it isn't whole, raise UserError and change nothing."""
    with opened(source) as export:
        found = _Check(export).run()
        _check_names(source, {study for study, _ in found.plans}, store)
        store.prepare()
        command = f"randteach import {source.name}"
        with Session(store, {"study": source.name, "command": command}) as session, store.writing():
            for study, content in found.plans:  # first: nobody takes for garbage what comes then
                plans.keep(store, study, content, {"command": command})
            taken = 0
            for artifact, files in _again(export, found, store):
                taken += _take(store, found.commits[artifact], files, session)
    studies = ", ".join(sorted({study for study, _ in found.plans}))
    note = f", {len(found.newer)} left out that this version doesn't know" if found.newer else ""
    there = len(found.commits) - taken
    for name in found.newer_plans:
        console.print(f"left out: {name}: is no plan that this version knows", style="yellow", markup=False)
    console.print(
        f"{studies}: {taken} artifacts taken, {there} were there already{note}", highlight=False, markup=False
    )
    return 0


def _check_names(source: Path, studies: set[str], store: Store) -> None:
    """UserError for a study whose name no sweep could give it here."""
    for study in sorted(studies):
        if why := names.why_no_study(study, [*store.storage.names("studies"), *(studies - {study})]):
            hint = "run it under another --name where it comes from, and export that"
            raise UserError(f"{source}: study {study}: {why}; {hint}")


def _take(store: Store, commit: Commit, files: dict[str, bytes], session: Session) -> bool:
    taken = store.commit(
        commit.artifact,
        files,
        status=commit.status,
        seconds=commit.seconds,
        numerics=commit.numerics,
        session=session.token,
        made_with=code.made_with(commit.attempt),
    )
    work.forget_failure(store, commit.artifact.key)
    return taken


def _again(export: Export, found: Checked, store: Store) -> Iterator[tuple[Artifact, dict[str, bytes]]]:
    """Each artifact that the store lacks with its files, which are those that were checked."""
    changed = UserError(f"{export.source}: has changed while it was read; import it again")
    lacking = {artifact for artifact in found.commits if not store.has(artifact)}
    files: dict[Artifact, dict[str, bytes]] = {}
    for tar, member in export.members():
        if not (match := FILE.fullmatch(member.name)):
            continue
        artifact = Artifact.named(match["kind"], match["name"])
        if artifact not in lacking:
            continue
        expected, mine = found.commits[artifact].files, files.setdefault(artifact, {})
        about = expected.get(match["file"])
        if about is None or member.size != about["size"]:
            raise changed
        content = export.content(tar, member, about["size"])
        if hashlib.sha256(content).hexdigest() != about["sha256"]:
            raise changed
        mine[match["file"]] = content
        if len(mine) == len(expected):
            lacking.discard(artifact)
            yield artifact, files.pop(artifact)
    if lacking:
        raise changed


class _Check:
    """All of a tar, checked."""

    def __init__(self, export: Export) -> None:
        self.export, self.source, self.found = export, export.source, Checked()

    def run(self) -> Checked:
        """What the tar holds; UserError where anything is not as it is exported."""
        found = self.found
        for tar, member in self.export.members():
            self._member(tar, member)
        if found.about.get("format") != FORMAT:
            raise UserError(f"{self.source}: is no export, or one of another version of this software")
        for artifact in found.newer:
            found.commits.pop(artifact, None)
        count = len(found.commits) + len(found.newer)
        if found.about.get("artifacts") != count or not (found.plans or found.newer_plans):
            raise UserError(f"{self.source}: is damaged, parts of it are missing; export it anew")
        for artifact, commit in found.commits.items():
            if found.seen.get(artifact, set()) != set(commit.files):
                what = f"files of {artifact.kind} {artifact.name} are missing"
                raise UserError(f"{self.source}: {what}; export it anew")
        return found

    def _member(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = member.name
        try:
            if name == "export.json":
                self.found.about = plain.record(self.export.content(tar, member, PIECE))
            elif (match := PLAN.fullmatch(name)) and names.is_study(match["study"]):
                self._plan(name, match, self.export.content(tar, member, TEXT))
            elif match := COMMIT.fullmatch(name):
                artifact = Artifact.named(match["kind"], match["name"])
                self._commit(artifact, self.export.content(tar, member, commits.MOST))
            elif match := FILE.fullmatch(name):
                self._file(tar, member, Artifact.named(match["kind"], match["name"]), match["file"])
            else:
                raise UserError(f"{self.source}: {name!r} is no part of an export; refused")
        except ValueError as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{self.source}: {name} is damaged; export it anew") from None

    def _plan(self, name: str, match: "re.Match[str]", content: bytes) -> None:
        if match["digest"] != identity.digest(content.decode(), 16):
            raise ValueError("is not what was written")
        plan = plain.record(content)
        try:
            recorded.jobs_of(plan, match["study"])
        except ValueError:
            self.found.newer_plans.append(name)
        else:
            self.found.plans.append((match["study"], content))

    def _commit(self, artifact: Artifact, content: bytes) -> None:
        if not readable(artifact.kind):
            self.found.newer.add(artifact)
            return
        commit = commits.read(artifact, content)
        files = {"state.safetensors"} if artifact.kind == "state" else set(RECORD)
        if not files <= commit.files.keys():
            raise ValueError("names too few files")
        self.found.commits[artifact] = commit

    def _file(self, tar: tarfile.TarFile, member: tarfile.TarInfo, artifact: Artifact, file: str) -> None:
        if artifact in self.found.newer:
            return
        commit = self.found.commits.get(artifact)
        about = commit.files.get(file) if commit else None
        if about is None or member.size != about["size"] or member.size > WEIGHTS:
            raise ValueError("is not what its commit names")
        if file.endswith(".safetensors"):
            digest = hashlib.sha256()
            for piece in self.export.pieces(tar, member):
                digest.update(piece)
        else:
            content = self.export.content(tar, member, TEXT)
            digest = hashlib.sha256(content)
        if digest.hexdigest() != about["sha256"]:
            raise ValueError("is not what was written")
        if file == "config.json" and self._is_newer(artifact, content):
            self.found.newer.add(artifact)
        elif file in contents.READ:
            contents.READ[file](content)
        self.found.seen.setdefault(artifact, set()).add(file)

    def _is_newer(self, artifact: Artifact, config: bytes) -> bool:
        revision = identity.revision(artifact.kind, config, artifact.key)
        if revision is None:
            what = f"the config of {artifact.kind} {artifact.name} has another key"
            raise UserError(f"{self.source}: {what}; refused")
        plain.record(config)
        return revision > revisions().get(artifact.kind, identity.LATEST)
