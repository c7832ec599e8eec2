"""How near to its random teacher must a student start to end with good features?

Students start at theta_S(alpha) between a frozen random teacher (alpha = 0) and a fresh draw (alpha = 1),
learn to copy the teacher's outputs on unlabelled images, and are probed along the way: paper, Figure 3,
and Tables 1 and 3 at alpha = 0 (1e-10, as its authors ran it).

    python sweeps/init_distance.py --preset mini            # Fashion-MNIST, minutes on two CPU cores
    python sweeps/init_distance.py                          # the paper's setting, for GPUs

Cost: `--dry-run` says what is missing, what it stores, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

SMOKE = rt.presets.SMOKE | {"alpha": (1e-10, 1.0), "probe.at": [0]}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1),
    "alpha": rt.presets.FEW_ALPHAS,
    "probe.at": [0, 1, 2, 5, 10],
}

PAPER = rt.presets.PAPER | {
    "alpha": rt.presets.ALPHAS,
    "probe.at": [0, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, what it triggers, and probes of what it is compared with."""
    student, *probes = rt.compared(point)
    yield student
    if "probe" in point.downstream:
        yield from probes
    yield from rt.triggered(point, student)


STUDY = rt.Study(
    name="init_distance",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(
        rt.report.INIT_DISTANCE,
        rt.report.TICKETS,
        rt.report.CONNECT,
    ),
)

if __name__ == "__main__":
    rt.main(STUDY)
