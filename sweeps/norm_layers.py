"""Does a student of a random teacher need BatchNorm to end with better features?

BatchNorm makes student and teacher differ from the first step, since the teacher is in evaluation mode.
Instance, group and layer norm, and no norm at all, do not: paper, Figure 11.

    python sweeps/norm_layers.py --preset mini
    python sweeps/norm_layers.py                              # the paper's setting, for GPUs

Cost: `--dry-run` says what is missing, what it stores, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

NORMS = ("batch", "instance", "group", "layer", "none")

SMOKE = rt.presets.SMOKE | {
    "alpha": 1e-10,
    "net.width": 8,
    "net.norm": ("batch", "instance", "none"),
}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2),
    "alpha": 1e-10,
    "net.width": 16,  # at 8 channels group and layer norm are the same
    "net.norm": NORMS,
    "probe.at": [0, 2, 5, 10],
}

PAPER = rt.presets.PAPER | {
    "alpha": 1e-10,
    "net.norm": NORMS,
    "probe.at": [0, 1, 2, 5, 10, 20, 40, 60, 80, 100],
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, and probes of it along its way, of its teacher and of raw pixels."""
    yield from rt.compared(point)


STUDY = rt.Study(
    name="norm_layers",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.along("epoch"), rt.report.ARMS),
)

if __name__ == "__main__":
    rt.main(STUDY)
