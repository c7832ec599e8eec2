"""`randteach export` and `randteach import`: a study with all its parents as one tar.

    export.json                         format, study, and how many artifacts there are
    studies/NAME/DIGEST.json            its plans, the one run last at the end
    done/KIND/KEY[@STEP].json           commits
    objects/KIND/KEY[@STEP]/FILE        their files, each behind its commit

An import is read whole and checked before anything is written: names, sizes, checksums, and that each
config hashes to its key.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from randteach import code, disk, identity, paths, plans, work
from randteach.estimate import size
from randteach.jobs import Artifact, Entry
from randteach.lookup import damage_told
from randteach.marker import unsealed
from randteach.session import Session
from randteach.setting import UserError
from randteach.store import Store, marker_name

FORMAT = 1  # of an export
RECORD = {"config.json", "metrics.jsonl", "provenance.json"}  # what every result has
NAME = r"\w[\w.-]*"
ARTIFACT = r"(?P<kind>[a-z]+)/(?P<name>[0-9a-f]{24}(@\d+)?)"
PLAN = re.compile(rf"studies/(?P<study>{NAME})/[0-9a-f]{{16}}\.json")
COMMIT = re.compile(rf"done/{ARTIFACT}\.json")
FILE = re.compile(rf"objects/{ARTIFACT}/(?P<file>{NAME})")


def export(store: Store, study: str, target: Path, console: Console) -> int:
    """Write a study to a tar, the same bytes whenever the store holds the same of it."""
    entries = plans.every_entry(store, study)
    if target.exists():
        raise UserError(f"{target}: is there already; delete it, or give another name")
    temporary = disk.beside(target)
    artifacts = list(_artifacts(store, entries))
    about = {"format": FORMAT, "study": study, "artifacts": len(artifacts)}
    try:
        with damage_told(), disk.writing(target.parent, "FILE"), tarfile.open(temporary, "w") as tar:
            _add(tar, "export.json", json.dumps(about).encode())
            last = plans.last_file(store, study)
            for path in [*(path for path in plans.files(store, study) if path != last), last]:
                _add(tar, path, store.storage.read(path))
            for artifact in artifacts:
                marker = store.marker(artifact)
                content = store.storage.read(marker_name(artifact))
                _add(tar, f"done/{artifact.kind}/{artifact.name}.json", content)
                for name in sorted(marker.files):
                    _add(tar, f"objects/{artifact.kind}/{artifact.name}/{name}", store.read(artifact, name))
        temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    missing = sum(not store.has(artifact) for entry in entries.values() for artifact in entry.artifacts)
    note = f"; {missing} are not made yet" if missing else ""
    console.print(
        f"{paths.short(target)}: {study}, {len(artifacts)} artifacts, {size(target.stat().st_size)}{note}",
        highlight=False,
    )
    return 0


def _artifacts(store: Store, entries: Mapping[str, Entry]) -> Iterator[Artifact]:
    """All that the store holds of some jobs and their parents, states included."""
    wanted = {a for entry in entries.values() for a in (*entry.artifacts, *entry.parents)}
    trajectories = {artifact.key for artifact in wanted if artifact.step is not None}
    for artifact in store.all():
        if artifact in wanted or (artifact.kind == "state" and artifact.key in trajectories):
            yield artifact


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(content), 0o644
    tar.addfile(about, io.BytesIO(content))


@dataclass
class Checked:
    """What a tar holds: plans by study, and commits with the names of their files that were seen."""

    about: dict[str, Any] = field(default_factory=dict)
    plans: list[tuple[str, bytes]] = field(default_factory=list)
    commits: dict[Artifact, dict[str, Any]] = field(default_factory=dict)
    seen: dict[Artifact, set[str]] = field(default_factory=dict)


def import_(store: Store, source: Path, console: Console) -> int:
    """Take what a tar holds into the store; UserError, and nothing changed, where it isn't whole."""
    with _opened(source) as tar:
        found = _check(source, tar)
    store.prepare()
    taken, command = 0, f"randteach import {source.name}"
    session = Session(store, {"study": source.name, "command": command})
    with _opened(source) as tar, store.writing(), session:
        for study, content in found.plans:  # first: nobody takes for garbage what comes then
            plans.keep(store, study, content, {"command": command})
        files: dict[Artifact, dict[str, bytes]] = {}
        for member in tar:
            if not (match := FILE.fullmatch(member.name)):
                continue
            artifact = Artifact.named(match["kind"], match["name"])
            if store.has(artifact):
                continue
            commit, mine = found.commits[artifact], files.setdefault(artifact, {})
            mine[match["file"]] = _content(source, tar, member)
            if len(mine) == len(commit["files"]):
                about = {name: commit[name] for name in ("status", "seconds", "numerics")}
                about["made_with"] = code.made_with(commit["attempt"])
                taken += store.commit(artifact, files.pop(artifact), session=session.token, **about)
                work.forget_failure(store, artifact.key)
    names = ", ".join(sorted({study for study, _ in found.plans}))
    there = len(found.commits) - taken
    console.print(f"{names}: {taken} artifacts taken, {there} were there already", highlight=False)
    return 0


def _opened(source: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(source, "r:")
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{source}: is no export that can be read ({error})") from None


def _check(source: Path, tar: tarfile.TarFile) -> Checked:
    found, names = Checked(), set[str]()
    try:
        for member in tar:
            if not member.isfile() or member.name in names:
                raise UserError(f"{source}: {member.name!r} is a link, a folder, or there twice; refused")
            names.add(member.name)
            _check_member(source, member.name, _content(source, tar, member), found)
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{source}: is damaged ({error}); export it anew") from None
    if found.about.get("format") != FORMAT:
        raise UserError(f"{source}: is no export, or one of another version of this software")
    if found.about.get("artifacts") != len(found.commits) or not found.plans:
        raise UserError(f"{source}: is damaged, parts of it are missing; export it anew")
    for artifact, commit in found.commits.items():
        if found.seen.get(artifact, set()) != set(commit["files"]):
            raise UserError(f"{source}: files of {artifact.kind} {artifact.name} are missing; export it anew")
    return found


def _check_member(source: Path, name: str, content: bytes, found: Checked) -> None:
    damaged = UserError(f"{source}: {name} is damaged; export it anew")
    if name == "export.json":
        found.about = _parsed(content)
    elif match := PLAN.fullmatch(name):
        if Path(name).stem != identity.digest(content.decode(errors="replace"), 16):
            raise damaged
        if not plans.is_plan(_parsed(content)):
            raise damaged
        found.plans.append((match["study"], content))
    elif match := COMMIT.fullmatch(name):
        try:
            commit = unsealed(content)
            files = {"state.safetensors"} if match["kind"] == "state" else RECORD
            good = match["kind"] in identity.REVISIONS and files <= commit["files"].keys()
            good = good and isinstance(commit["seconds"], int | float)
            good = good and {type(commit[name]) for name in ("status", "numerics")} == {str}
        except (ValueError, KeyError, TypeError, AttributeError):
            good = False
        if not good:
            raise damaged
        found.commits[Artifact.named(match["kind"], match["name"])] = commit
    elif match := FILE.fullmatch(name):
        artifact = Artifact.named(match["kind"], match["name"])
        expected = found.commits.get(artifact, {}).get("files", {}).get(match["file"])
        if not expected or expected != {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}:
            raise damaged
        if match["file"] == "config.json" and not identity.names(artifact.kind, content, artifact.key):
            raise UserError(
                f"{source}: the config of {artifact.kind} {artifact.name} has another key; refused"
            )
        found.seen.setdefault(artifact, set()).add(match["file"])
    else:
        raise UserError(f"{source}: {name!r} is no part of an export; refused")


def _content(source: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise UserError(f"{source}: {member.name} is cut off; export it anew")
    return content


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
