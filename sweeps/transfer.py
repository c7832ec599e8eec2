"""Do students of random teachers have features that serve on other data than they were distilled on?

Students that start at their teacher, each probed on all data sets: a full matrix of sources and targets
(paper, Tables 2 and 4, which have the source TinyImageNet). Probed images are normalised by the statistics of
their own set, or by those of the distilled one, as the authors ran it.

    python sweeps/transfer.py --preset mini
    python sweeps/transfer.py                                 # the paper's setting, for GPUs

Cost: `--dry-run` says what is missing, what it stores, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

SETS = ("fashion_mnist", "mnist5k")
STATISTICS = ("own", "distilled")

SMOKE = rt.presets.SMOKE | {
    "alpha": 1e-10,
    "data.name": SETS,
    "probe.data": SETS,
    "probe.normalise": STATISTICS,
}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2, 3, 4),
    "alpha": 1e-10,
    "data.name": SETS,
    "probe.data": SETS,
    "probe.normalise": STATISTICS,
}

PAPER = rt.presets.PAPER | {
    "alpha": 1e-10,
    "data.name": ("tiny_imagenet", "stl10_unlabeled", "cifar10", "cifar100", "stl10"),
    "probe.data": ("cifar10", "cifar100", "stl10", "tiny_imagenet"),
    "probe.normalise": STATISTICS,
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, and probes of it, of its teacher and of raw pixels."""
    yield from rt.compared(point)


STUDY = rt.Study(
    name="transfer",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.ARMS,),
)

if __name__ == "__main__":
    rt.main(STUDY)
