"""Speed and memory on this machine: `make bench`, or some of it: `make bench ARGS="step memory"`.

Each part times its candidates in turn and prints their ratio as median (lowest to highest).
"""

import subprocess
import sys

import downstream
import norms
import overhead
import projection
import readers
import scale
import step
import storage
from timing import machine

PARTS = (
    "step",
    "readers",
    "memory",
    "overhead",
    "plan",
    "store",
    "mlflow",
    "scheduler",
    "makespan",
    "downstream",
    "norms",
)


def main(parts: list[str]) -> None:
    """Run the parts named, or all."""
    if unknown := set(parts) - {*PARTS, *(f"memory-of-{arch}" for arch in step.ARCHS)}:
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for part in parts or PARTS:
        if part.startswith("memory-of-"):
            step.memory(part.removeprefix("memory-of-"))
            continue
        print(f"\n{machine()}", flush=True)
        if part == "step":
            step.run()
        elif part == "readers":
            readers.run()
        elif part == "overhead":
            overhead.run()
        elif part == "plan":
            scale.plan()
        elif part == "store":
            storage.run()
        elif part == "downstream":
            downstream.run()
        elif part == "norms":
            norms.run()
        elif part == "makespan":
            subprocess.run([sys.executable, "tests/benchmarks/makespan.py"], check=True)
        elif part == "mlflow":
            projection.projection()
        elif part == "scheduler":
            scale.scheduler()
        else:
            print("Peak memory of a worker: teacher, student, optimiser, and a snapshot with its state")
            for arch in step.ARCHS:  # each in a process of its own, whose peak is then its own
                subprocess.run([sys.executable, __file__, f"memory-of-{arch}"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
