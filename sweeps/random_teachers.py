"""Do students of random teachers end with better features than their teachers?

Students that start at their teacher, on several data sets: paper, Figure 1, Tables 1 and 3.

    python sweeps/random_teachers.py --preset mini
    python sweeps/random_teachers.py                          # the paper's setting, for GPUs

Cost: `--dry-run` says what is missing, what it stores, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

SMOKE = rt.presets.SMOKE | {"alpha": 1e-10, "data.name": ("fashion_mnist", "mnist5k")}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2, 3, 4),
    "alpha": 1e-10,
    "data.name": ("fashion_mnist", "mnist5k"),
}

PAPER = rt.presets.PAPER | {
    "alpha": 1e-10,
    "data.name": ("cifar10", "cifar100", "stl10", "tiny_imagenet"),
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, and probes of it, of its teacher and of raw pixels."""
    yield from rt.compared(point)


STUDY = rt.Study(
    name="random_teachers",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.ARMS,),
)

if __name__ == "__main__":
    rt.main(STUDY)
