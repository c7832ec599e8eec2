"""Does a second round of distillation, with the student as the next teacher, do anything?

Round after round a student copies the one before it, starting at distance alpha from that; the first
copies a random teacher: paper, Figure 18. A later teacher answers in evaluation mode, with the statistics
of its own training.

    python sweeps/restart.py --preset mini                    # Fashion-MNIST, minutes on two CPU cores
    python sweeps/restart.py                                  # the paper's setting, for GPUs
    python sweeps/restart.py --preset mini rounds=5           # further rounds of a finished study

Cost: `--dry-run` says what is missing, what it stores, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

SMOKE = rt.presets.SMOKE | {"alpha": 1e-10, "rounds": 2}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2),
    "alpha": (1e-10, 0.6),
    "rounds": 3,
}

PAPER = rt.presets.PAPER | {
    "alpha": 1e-10,
    "rounds": 5,
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """Students, each the teacher of the next, and probes of them, of the first teacher and of pixels."""
    student = None
    for _ in range(point.rounds):
        student = rt.distill_job(point, student, head=True)
        yield student
        yield from rt.snapshot_probes(point, student)
    yield from rt.probe_jobs(point, rt.teacher_of(point))
    yield from rt.probe_jobs(point, rt.Pixels())


STUDY = rt.Study(
    name="restart",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.RESTART,),
)

if __name__ == "__main__":
    rt.main(STUDY)
