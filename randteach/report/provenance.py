"""How results were made: hardware, versions and code, each set once, with how many results have it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from randteach.environment import code
from randteach.errors import Damaged, Unknown
from randteach.identity.artifact import Artifact
from randteach.store.store import Store

LONGEST = 100  # characters of what a record says
DIGITS = 12


@dataclass
class Provenance:
    """Distinct sets by their text, with counts of results."""

    results: int = 0
    hardware: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    commits: Counter[str] = field(default_factory=Counter)
    code: Counter[str] = field(default_factory=Counter)  # by kind and the digest of what its stage reaches

    def told(self) -> dict[str, list[str]]:
        """What each set is of, and its texts, the most frequent first; counts where there are several."""
        named = {
            "Hardware": self.hardware,
            "Versions": self.versions,
            "Commit": self.commits,
            "Code digests": self.code,
        }
        return {name: _told(counts, self.results) for name, counts in named.items() if counts}


def _told(counts: Counter[str], results: int) -> list[str]:
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [text if count == results else f"{text} ({count} of {results})" for text, count in found]


def provenance(store: Store, artifacts: Iterable[Artifact]) -> Provenance:
    """What the records of some results say; those that can't be read are left out."""
    found = Provenance()
    for artifact in artifacts:
        with suppress(Damaged, Unknown, KeyError):
            about = store.json(artifact, "provenance")
            digest = code.made_with(store.commit_of(artifact).attempt)
            found.results += 1
            found.hardware[_hardware(about)] += 1
            found.versions[_versions(about)] += 1
            found.commits[_commit(about)] += 1
            found.code[f"{artifact.kind} {digest or 'not on record'}"] += 1
    return found


def _hardware(about: Mapping[str, Any]) -> str:
    numerics = _record(about.get("numerics"))
    device, cpu, threads = (_text(numerics.get(name)) for name in ("device", "cpu", "threads"))
    if device in ("", "cpu"):
        device = "CPU" if device else "not on record"
    parts = [device, f"{cpu} kernels" if cpu else ""]
    parts += [f"{threads} thread{'' if threads == '1' else 's'}" if threads else ""]
    return ", ".join(part for part in parts if part)


def _versions(about: Mapping[str, Any]) -> str:
    versions = dict(_record(about.get("versions")))
    if exact := _record(about.get("numerics")).get("torch"):
        versions["torch"] = exact
    found = [f"{_text(name)} {_text(value)}" for name, value in versions.items()]
    python = _text(about.get("python"))
    return ", ".join([*(["Python " + python] if python else []), *found]) or "not on record"


def _commit(about: Mapping[str, Any]) -> str:
    commit = _text(about.get("commit"))[:DIGITS]
    return (commit + (" and changes" if about.get("dirty") else "")) or "not on record"


def _record(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:LONGEST]
