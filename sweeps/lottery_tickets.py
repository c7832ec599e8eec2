"""Does a student's checkpoint hold lottery tickets that its random teacher does not?

Iterative magnitude pruning: train, prune the smallest weights, rewind to the start, train again. It starts
at the trained student, and at the teacher rewound to 0, 1, 2 and 5 epochs of its own supervised training:
paper, Figure 8.

    python sweeps/lottery_tickets.py --preset mini            # Fashion-MNIST, minutes on two CPU cores
    python sweeps/lottery_tickets.py                          # the paper's setting, for GPUs
    python sweeps/lottery_tickets.py --preset mini rounds=8   # three rounds more of the finished study

The preset mini prunes 36 % a round (two of the paper's rounds at once) and trains for 8 epochs, not 160.
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
    "rounds": 1,
    "tickets.rewind": [0],
}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2),
    "alpha": 1e-10,
    "train.epochs": 8,
    "train.milestones": [4, 6],
    "train.padding": 2,
    "rounds": 5,
    "tickets.fraction": 0.36,
    "tickets.rewind": [0, 1],
    "tickets.controls": ["random_layers"],
}

PAPER = rt.presets.PAPER | {
    "alpha": 1e-10,
    "rounds": 24,
    "tickets.controls": ["random_layers", "reinit"],
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student; rounds of pruning of it, of its teacher, and of their controls."""
    student = rt.distill_job(point)
    yield student
    yield from rt.ticket_jobs(point, student)


STUDY = rt.Study(
    name="lottery_tickets",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.TICKETS,),
)

if __name__ == "__main__":
    rt.main(STUDY)
