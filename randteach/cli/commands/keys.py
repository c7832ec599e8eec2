"""`randteach keys`: the sets of keys of this repository's plans, and which of them a change of code loses.

Run as a module it prints the plans of its checkout with all their keys as JSON, or the keys of the plans
that it is given on standard input. So each checkout is asked for its own keys by its own code.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from randteach import identity
from randteach.config import overrides
from randteach.config.presets import texts
from randteach.errors import UserError
from randteach.jobs import study

MODULES = ("randteach.cli.commands.keys", "randteach.commands.keys")  # this one, and where it was before
SHOWN = 10  # lost keys of each plan that are named
# Beside the presets: what no preset has, and what keys could lose unnoticed.
VARIANTS = (
    ("init_distance", "distill.teacher_norm=calibrated"),
    ("init_distance", "distill.teacher_norm=batch"),
    ("init_distance", "data.name=gaussian"),
    ("init_distance", "data.augment=flip_crop"),
    ("init_distance", "distill.loss=ce_exact"),
    ("init_distance", "distill.loss=mse"),
    ("init_distance", "probe.val_fraction=0.1"),
    ("init_distance", "net.arch=vgg11 data.size=32"),
    ("init_distance", "net.arch=vgg11 data.size=32 distill.teacher_norm=calibrated distill.loss=ce_exact"),
    ("init_distance", "downstream=[probe,tickets,connect] distill.loss=ce_exact connect.points=3"),
    ("lottery_tickets", "tickets.controls=[transfer]"),
    ("lottery_tickets", "tickets.momentum=restored tickets.controls=[random,reinit]"),
    ("lottery_tickets", "tickets.scope=all distill.loss=ce_exact train.augment=none"),
    ("mode_connectivity", "net.arch=vgg11 data.size=32 distill.loss=ce_exact"),
    ("loss_landscape", "net.arch=vgg11 data.size=32 distill.loss=ce_exact"),
    ("loss_landscape", "plane.norm=interpolated distill.loss=ce_exact"),
    ("restart", "distill.loss=ce_exact"),
)
Keys = dict[str, dict[str, dict[str, str]]]  # titles by plan, kind and key


@dataclass(frozen=True)
class Plan:
    """A plan by its name: a sweep's file, and all settings that differ from their defaults."""

    name: str
    sweep: str
    settings: Mapping[str, str]


def plans() -> Iterator[Plan]:
    """All presets of all sweeps, and the variants."""
    for sweep, preset, typed in [*_presets(), *((sweep, "mini", typed) for sweep, typed in VARIANTS)]:
        pairs = dict(pair.split("=", 1) for pair in typed.split())
        name = " ".join((sweep, preset, *typed.split()))
        yield Plan(name, sweep, {**texts(_sweep(sweep).presets[preset]), **pairs})


def keys(chosen: Iterable[Plan]) -> Keys:
    """The keys of plans."""
    found: Keys = {}
    for plan in chosen:
        kinds = found.setdefault(plan.name, {})
        for job in study.expand(_sweep(plan.sweep), overrides.parse(plan.settings, [])).jobs:
            kinds.setdefault(job.kind, {})[job.key] = job.entry.title
    return found


def digests(found: Keys) -> dict[str, dict[str, str]]:
    """By plan and kind how many keys there are, and a digest of them, sorted."""
    return {
        plan: {
            kind: f"{len(titles)} {identity.digest(' '.join(sorted(titles)), 12)}"
            for kind, titles in kinds.items()
        }
        for plan, kinds in found.items()
    }


def show(console: Console) -> int:
    """Print the digests of all plans, as a test pins them."""
    for plan, kinds in digests(_ask(Path.cwd(), "", "the working tree")["keys"]).items():
        console.print(plan, markup=False, highlight=False, soft_wrap=True)
        for kind, pinned in kinds.items():
            console.print(f"  {kind:8} {pinned}", markup=False, highlight=False)
    return 0


def since(revision: str, console: Console) -> int:
    """Make the plans of a git revision here, and name the keys that they have lost; 1 where there are any."""
    root = _git(Path.cwd(), "rev-parse", "--show-toplevel")
    _git(Path(root), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", about=revision)
    with tempfile.TemporaryDirectory(prefix="randteach-keys-") as folder:
        there = Path(folder) / "then"
        _git(Path(root), "worktree", "add", "--detach", "--quiet", str(there), revision)
        try:
            before = _ask(there, "", revision)
        finally:
            _git(Path(root), "worktree", "remove", "--force", str(there))
    now = _ask(Path(root), json.dumps(before["plans"]), "the working tree")["keys"]
    lost = 0
    for plan, kinds in before["keys"].items():
        for kind, titles in kinds.items():
            have = now.get(plan, {}).get(kind, {})
            gone = [key for key in titles if key not in have]
            lost += len(gone)
            if gone:
                text = f"{plan}: {kind}: {len(gone)} of {len(titles)} keys are lost"
                console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
            for key in gone[:SHOWN]:
                console.print(f"  {key} {titles[key]}", markup=False, highlight=False, soft_wrap=True)
    total = sum(len(titles) for kinds in before["keys"].values() for titles in kinds.values())
    console.print(f"{total} keys at {revision}: {total - lost} stay, {lost} are lost", highlight=False)
    return 1 if lost else 0


def _presets() -> list[tuple[str, str, str]]:
    names = [path.stem for path in sorted(Path("sweeps").glob("*.py"))]
    return [(name, preset, "") for name in names for preset in sorted(_sweep(name).presets)]


def _sweep(name: str) -> study.Study:
    found: study.Study = importlib.import_module(f"sweeps.{name}").STUDY
    return found


def _ask(root: Path, given: str, what: str) -> Any:
    """What a checkout's own code says of its plans, or of those that it is given."""
    module = next((m for m in MODULES if (root / f"{m.replace('.', '/')}.py").exists()), MODULES[0])
    program = [sys.executable, "-m", module]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(program, cwd=root, env=environment, input=given, capture_output=True, text=True)
    if done.returncode or not done.stdout:
        reason = (done.stderr.strip().splitlines() or ["it is older than this command"])[-1]
        raise UserError(f"--since: keys of {what} can't be computed ({reason})")
    return json.loads(done.stdout)


def _git(root: Path, *args: str, about: str = "") -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *args], capture_output=True, text=True)
    except OSError as error:
        raise UserError(f"--since: needs git ({error})") from None
    if done.returncode:
        reason = f"{about}: no such revision" if about else done.stderr.strip()
        raise UserError(f"--since {reason}; run it in a checkout of the repository")
    return done.stdout.strip()


def _main() -> None:
    given = sys.stdin.read()
    chosen = [Plan(**item) for item in json.loads(given)] if given else list(plans())
    print(json.dumps({"plans": [vars(plan) for plan in chosen], "keys": keys(chosen)}))


if __name__ == "__main__":
    _main()
