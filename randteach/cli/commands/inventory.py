"""`randteach ls` and `randteach show`: what a store holds."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from randteach import identity
from randteach.cli.estimate import size
from randteach.config import overrides
from randteach.config.labels import label
from randteach.config.schema import settings
from randteach.engine.progress import duration
from randteach.environment import code
from randteach.errors import Damaged, Unknown, Unreadable, UserError
from randteach.identity.artifact import Artifact
from randteach.jobs import made_by
from randteach.jobs.fields import FILTERS, flat
from randteach.jobs.job import Entry
from randteach.store import plans, states
from randteach.store.commits import Commit
from randteach.store.lookup import Lookup, damage_told, key_of, made, results, studies_of, text
from randteach.store.store import Store

DIGITS = 12
NEAR = 5  # values that are named where no job has the one asked for


def ls(
    store: Store, study: str | None, filters: Sequence[str], console: Console, *, other_code: bool = False
) -> int:
    """List made jobs, those whose settings fit all filters; 1 where some can't be read.

    `other_code`: those alone of which this code has not made all, and what has.
    """
    wanted = [_filter(pair) for pair in filters]
    keys = set(plans.every_entry(store, study, left_out(console))) if study else None
    lookup, damaged = Lookup(store), 0
    there: dict[str, dict[str, Any]] = {name: {} for name, _ in wanted}  # values by their text
    unknown = [str(Unknown(artifact, "a kind")) for artifact in store.strange()]
    lines = [("key", "job", "steps", "status", "size", "seconds", *(["made by"] if other_code else []))]
    for key, artifacts in made(store).items():
        if keys is not None and key not in keys:
            continue
        try:
            job = lookup.job(artifacts[-1])
            commits = [store.commit_of(artifact) for artifact in artifacts]
            codes = _other_code(store, commits) if other_code else []
        except KeyError:
            continue  # set aside meanwhile
        except Unknown as newer_one:
            unknown.append(str(newer_one))
            continue
        except Damaged as damage:
            console.print(f"damaged: {damage}", style="red", markup=False, highlight=False, soft_wrap=True)
            damaged += 1
            continue
        if other_code and not codes:
            continue
        for name in there.keys() & job.settings.keys():
            there[name][label(job.settings[name])] = job.settings[name]
        if all(job.settings.get(name) in values and name in job.settings for name, values in wanted):
            steps = ",".join(str(a.step) for a in artifacts if a.step is not None)
            space = size(sum(commit.size for commit in commits))
            seconds = f"{sum(commit.seconds for commit in commits):.1f}"
            made_by = [", ".join(codes)] if codes else []
            about = (key[:DIGITS], _title(job.entry), steps, commits[-1].status, space, seconds)
            lines.append((*about, *made_by))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines if len(lines) > 1 else []:
        text = "  ".join(item.ljust(width) for item, width in zip(line, widths, strict=True))
        console.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)
    for name, values in wanted:
        if not any(value in values for value in there[name].values()):
            console.print(_instead(name, values, there[name]), markup=False, highlight=False, soft_wrap=True)
    for newer in unknown:
        console.print(f"unknown: {newer}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    said = f"{len(lines) - 1} jobs" + (f", {damaged} damaged" if damaged else "")
    console.print(said + (f", {len(unknown)} unknown" if unknown else ""), highlight=False)
    return 1 if damaged else 0


def _other_code(store: Store, commits: Sequence[Commit]) -> list[str]:
    """The commits of other code that made some artifacts, or its digest where there is no commit."""
    found = dict[str, str]()
    for commit in commits:
        digest = code.made_with(commit.attempt)
        record = store.read(commit.artifact, "config.json").decode()
        ours = made_by.digest(commit.artifact.kind, record)
        if ours and digest != ours and digest not in found:
            about = store.json(commit.artifact, "provenance")
            known = str(about.get("commit") or "")[:DIGITS] + (" and changes" if about.get("dirty") else "")
            found[digest] = known or (f"code {digest}, no commit" if digest else "unknown code")
    return list(found.values())


def left_out(console: Console) -> plans.Told:
    """Report each plan that can't be read."""

    def tell(trouble: Unreadable) -> None:
        console.print(f"left out: {trouble}", style="yellow", markup=False, highlight=False, soft_wrap=True)

    return tell


def _filter(pair: str) -> tuple[str, tuple[object, ...]]:
    """name=value, or several values; UserError for what a result does not keep."""
    name, values = next(iter(overrides.parse({}, [pair]).values.items()))
    if name not in FILTERS:
        why = "decides nothing that a result keeps" if name in settings() else "is no setting"
        raise UserError(f"{name}: {why}; filters are {', '.join(sorted(FILTERS))}")
    return name, values


def _instead(name: str, values: Sequence[object], there: Mapping[str, Any]) -> str:
    """Name the values that jobs have of a setting, nearest first, if no job has the one asked for."""
    asked = f"{name}={','.join(map(label, values))}"
    if not there:
        return f"{asked}: no job has this setting"

    def away(item: tuple[str, Any]) -> tuple[float, str]:
        numbers = [value for value in (item[1], values[0]) if isinstance(value, int | float)]
        return (abs(numbers[0] - numbers[1]) if len(numbers) == 2 else 0.0, item[0])

    near = [text for text, _ in sorted(there.items(), key=away)]
    more = f" and {len(near) - NEAR} more" if len(near) > NEAR else ""
    return f"{asked}: no job has it; there is {', '.join(near[:NEAR])}{more}"


def _title(entry: Entry) -> str:
    step = entry.labels.get("step")
    return entry.title + (f" step {step}" if step is not None else "")


def show(store: Store, prefix: str, console: Console) -> int:
    """All that the store knows of a key."""

    said = ""

    def say(name: str, content: str) -> None:
        nonlocal said
        shown, said = "" if name == said else name, name
        console.print(f"{shown:11} {content}", markup=False, highlight=False, soft_wrap=True)

    key = key_of(store, prefix)
    artifacts = results(store, key)
    planned = plans.every_entry(store, told=left_out(console))
    if not artifacts:
        entry = planned.get(key)
        say("job", entry.title if entry else "unknown")
        say("key", f"{key}, not made yet; `randteach logs {key[:8]}` shows what there is")
        return 0
    with damage_told():
        job = Lookup(store).job(artifacts[-1])
        rows = store.rows(artifacts[-1])
        provenance = store.json(artifacts[-1], "provenance")
        commits = [store.commit_of(artifact) for artifact in artifacts]
    say("job", _title(job.entry))
    say("key", f"{key} ({artifacts[-1].kind}, revision {_revision(store, artifacts[-1])})")
    say("studies", ", ".join(studies_of(store, key)) or "none that is recorded")
    for artifact, commit in zip(artifacts, commits, strict=True):
        at = "result" if artifact.step is None else f"step {artifact.step}"
        say("artifact", f"{at}: {commit.status}, {size(commit.size)}, {duration(commit.seconds)}")
    for step in sorted(a.step or 0 for a in store.find(key) if a.kind == "state"):
        say("state", f"step {step}")
    for step in states.kept_steps(store, key):
        say("state", f"step {step}, of an unfinished attempt")
    for parent in job.entry.parents:
        say("parent", f"{parent.name[:DIGITS]} {_title(_entry(store, parent))} step {parent.step}")
    for child in planned.values():
        if any(parent.key == key for parent in child.parents):
            there = "made" if store.has(child.artifacts[-1]) else "missing"
            say("child", f"{child.key[:DIGITS]} {child.title}: {there}")
    for name, value in sorted(flat(job.config).items()):
        say("config", f"{name} = {text(value)}")
    log = provenance.pop("log", [])
    provenance["began"] = f"{datetime.fromtimestamp(provenance['began'], UTC):%Y-%m-%d %H:%M:%S} UTC"
    for name, value in flat(provenance).items():
        say("provenance", f"{name} = {text(value)}")
    if log:
        say("log", f"{len(log)} lines: `randteach logs {key[:8]}`")
    for row in rows:
        say("numbers", "  ".join(f"{name} {value}" for name, value in row.items()))
    return 0


def _revision(store: Store, artifact: Artifact) -> int | None:
    """The revision of its kind that an artifact was made with."""
    said = store.commit_of(artifact).revision
    return said or identity.revision(artifact.kind, store.read(artifact, "config.json"), artifact.key)


def _entry(store: Store, artifact: Artifact) -> Entry:
    try:
        return Lookup(store).job(artifact).entry
    except (Damaged, Unknown, KeyError):
        return Entry(artifact.kind, artifact.key, {}, (), {"role": "missing or damaged student"})
