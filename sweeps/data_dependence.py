"""How much do the data matter: how many samples a student learns from, and random inputs in their place?

Students that start at their teacher learn from real images, or from random inputs that share less and less
with them, and all are probed on the real ones: paper, Figure 4. Every student takes as many steps.

    python sweeps/data_dependence.py --preset mini
    python sweeps/data_dependence.py                          # the paper's setting, for GPUs

Phases drawn at random leave an image its spectrum, shuffled pixels their values. 1/f noise has about the
spectrum of natural images, patches are smooth within squares, and Gaussian noise has nothing of an image.
Above 50,000 images the paper takes CIFAR-5M, which is no set of this software by itself (docs/datasets.md).

Cost: `--dry-run` says what is missing, what it stores, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

INPUTS = "data.name:data.train_size"
RANDOM = ("phase", "shuffled_all", "shuffled_each", "pink", "patches", "gaussian")

SMOKE = rt.presets.SMOKE | {
    "alpha": 1e-10,
    INPUTS: tuple((name, count) for name in ("fashion_mnist", "phase", "pink") for count in (200, 1000)),
    "probe.data": "fashion_mnist",
}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2),
    "alpha": 1e-10,
    INPUTS: (
        *(("fashion_mnist", count) for count in (500, 2000, 10000)),
        *((name, count) for name in RANDOM for count in (500, 10000)),
    ),
    "distill.epochs": None,
    "distill.steps": 790,
    "probe.data": "fashion_mnist",
}

PAPER = rt.presets.PAPER | {
    "alpha": 1e-10,
    INPUTS: (
        *(("cifar10", count) for count in (500, 1000, 2000, 5000, 10000, 15000, 50000)),
        *((name, count) for name in RANDOM for count in (500, 5000, 50000)),
        ("gaussian", 150000),
    ),
    "distill.epochs": None,
    "distill.steps": 19600,
    "probe.data": "cifar10",
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, and probes of it, of its teacher and of raw pixels."""
    yield from rt.compared(point)


STUDY = rt.Study(
    name="data_dependence",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.along("data.train_size"), rt.report.ARMS),
)

if __name__ == "__main__":
    rt.main(STUDY)
