"""Are students harder to train the further from their random teacher they start?

The students of sweeps/init_distance.py, and of their training itself: KL divergence from the teacher and
distance from their start, epoch by epoch, for each alpha: paper, Figure 17.

    python sweeps/distance_over_time.py --preset mini         # Fashion-MNIST, minutes on two CPU cores
    python sweeps/distance_over_time.py                       # the paper's setting, for GPUs

In a store that has the students of init_distance nothing of them is trained again. Each is probed at its last
epoch. Cost: `--dry-run` says what is missing, what it stores, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

SMOKE = rt.presets.SMOKE | {"alpha": (1e-10, 1.0), "probe.at": []}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2, 3, 4),
    "alpha": rt.presets.FEW_ALPHAS,
    "probe.at": [],
}

PAPER = rt.presets.PAPER | {
    "alpha": rt.presets.ALPHAS,
    "probe.at": [],
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, and probes of it, of its teacher and of raw pixels."""
    yield from rt.compared(point)


STUDY = rt.Study(
    name="distance_over_time",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.OPTIMISATION,),
)

if __name__ == "__main__":
    rt.main(STUDY)
