"""Run every sweep, and write the page of all of them: `make paper`.

python infra/paper.py [--preset PRESET] [--out OUT] [SWEEP ...]

Without names these are all files in sweeps/. What is made already costs seconds: after a stop, or some
of the sweeps, the same command goes on with what is missing. Without a preset it is `paper` where there is
a GPU, else `mini`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
STOPPED = 130


def main() -> int:
    """Exit code 0, 1 where a sweep has failed, 130 where one was stopped."""
    sweeps = {path.stem: path for path in sorted((ROOT / "sweeps").glob("*.py"))}
    usual = "paper" if torch.cuda.is_available() else "mini"
    parser = argparse.ArgumentParser(description="Run sweeps, and write the page of all of them.")
    parser.add_argument("--preset", default=usual, choices=("smoke", "mini", "paper"))
    parser.add_argument("--out", default="out")
    parser.add_argument("sweeps", nargs="*", metavar="SWEEP", help=", ".join(sweeps))
    args = parser.parse_args()
    if unknown := [name for name in args.sweeps if name not in sweeps]:
        parser.error(f"no such sweep: {', '.join(unknown)}; there are {', '.join(sweeps)}")
    failed = []
    for name in args.sweeps or sweeps:
        print(f"== {name}, preset {args.preset}", flush=True)
        try:
            done = subprocess.run([sys.executable, sweeps[name], "--preset", args.preset, "--out", args.out])
        except KeyboardInterrupt:  # the sweep has had it as well, and keeps what it made
            return STOPPED
        if done.returncode == STOPPED:
            return STOPPED
        failed += [name] if done.returncode else []
    page = subprocess.run([Path(sys.executable).with_name("randteach"), "report", "--out", args.out])
    if failed:
        print(f"not all made: {', '.join(failed)}; the same command goes on with what is missing")
    return 1 if failed or page.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
