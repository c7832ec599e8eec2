"""`randteach keys --since REV`: which keys a change of code orphans."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console

from randteach.setting import UserError

SHOWN = 10  # examples of each kind
# Run in a checkout: every job of every preset of every sweep, by what it is, with its key.
PROGRAM = """
import importlib, json, pathlib
from randteach import overrides, study
found = {}
for path in sorted(pathlib.Path("sweeps").glob("*.py")):
    sweep = importlib.import_module(f"sweeps.{path.stem}").STUDY
    for name, preset in sorted(sweep.presets.items()):
        for job in study.expand(sweep, overrides.parse(preset, [])).jobs:
            labels = {key: value for key, value in job.labels.items() if key != "teacher"}
            about = [path.stem, name, job.kind, sorted(map(list, labels.items()))]
            found[json.dumps(about)] = [job.kind, job.entry.title, job.key]
print(json.dumps(found))
"""


def since(revision: str, console: Console) -> int:
    """Compare the keys of all presets here with those at a git revision; 1 where any is orphaned."""
    root = _git(Path.cwd(), "rev-parse", "--show-toplevel")
    _git(Path(root), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", about=revision)
    with tempfile.TemporaryDirectory(prefix="randteach-keys-") as folder:
        there = Path(folder) / "then"
        _git(Path(root), "worktree", "add", "--detach", "--quiet", str(there), revision)
        try:
            before = _keys(there, revision)
        finally:
            _git(Path(root), "worktree", "remove", "--force", str(there))
    now = _keys(Path(root), "the working tree")
    moved = [name for name in before if name in now and before[name][2] != now[name][2]]
    gone = [name for name in before if name not in now]
    counts = Counter(before[name][0] for name in moved)
    console.print(
        f"{len(before)} jobs at {revision}: {len(before) - len(moved) - len(gone)} keys stay, "
        f"{len(moved)} move, {len(gone)} jobs are in no preset any more, {len(now.keys() - before)} are new",
        highlight=False,
        soft_wrap=True,
    )
    for kind, count in counts.items():
        console.print(f"{kind}: {count} orphaned", style="red", highlight=False)
        for name in [name for name in moved if before[name][0] == kind][:SHOWN]:
            was, title, key = before[name][2], before[name][1], now[name][2]
            console.print(f"  {was} -> {key} {title}", markup=False, highlight=False, soft_wrap=True)
    return 1 if moved else 0


def _keys(root: Path, what: str) -> dict[str, list[str]]:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"--since: keys of {what} can't be computed ({reason})")
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def _git(root: Path, *args: str, about: str = "") -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *args], capture_output=True, text=True)
    except OSError as error:
        raise UserError(f"--since: needs git ({error})") from None
    if done.returncode:
        reason = f"{about}: no such revision" if about else done.stderr.strip()
        raise UserError(f"--since {reason}; run it in a checkout of the repository")
    return done.stdout.strip()
