"""Do trainings from one checkpoint, in different data orders, end in one linearly connected basin?

Children of the random teacher and of its student, at several epochs of distillation, are trained alike but
for the order of their samples; test error along the lines between them shows barriers, or none: paper,
Figure 9.

    python sweeps/mode_connectivity.py --preset mini          # Fashion-MNIST, minutes on two CPU cores
    python sweeps/mode_connectivity.py                        # the paper's setting, for GPUs
    python sweeps/mode_connectivity.py --preset mini connect.children=5

The preset mini has 3 children, not 5, trained for 8 epochs, not 160, and 11 points a line, not 50, each
evaluated on 2,000 training and 2,000 test images.
Cost: `--dry-run` says what is missing, what it stores, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

SMOKE = rt.presets.SMOKE | {
    "alpha": 1e-10,
    "train.epochs": 2,
    "train.milestones": [1],
    "train.padding": 2,
    "connect.children": 2,
    "connect.points": 3,
    "connect.train_size": 300,
    "connect.test_size": 300,
}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2),
    "alpha": 1e-10,
    "probe.at": [1, 3, 10],
    "train.epochs": 8,
    "train.milestones": [4, 6],
    "train.padding": 2,
    "connect.at": [1, 3, 10],
    "connect.children": 3,
    "connect.points": 11,
    "connect.train_size": 2000,
    "connect.test_size": 2000,
}

PAPER = rt.presets.PAPER | {
    "alpha": 1e-10,
    "probe.at": [1, 5, 20, 50, 100],
    "connect.at": [1, 5, 20, 50, 100],
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student; children of its checkpoints and of its teacher, and the lines between them."""
    student = rt.distill_job(point)
    yield student
    yield from rt.connect_jobs(point, student)


STUDY = rt.Study(
    name="mode_connectivity",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.CONNECT,),
)

if __name__ == "__main__":
    rt.main(STUDY)
