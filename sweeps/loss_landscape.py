"""What does the loss look like around a random teacher and the students that started near to it and far?

The plane through the teacher (T), the student that started at it (S1) and one that started at a fresh draw
(S2): distillation loss, probes and norm of each point: paper, Figures 5, 13 and 14. With one student it
is the line from the teacher to it.

    python sweeps/loss_landscape.py --preset mini             # Fashion-MNIST, minutes on two CPU cores
    python sweeps/loss_landscape.py                           # the paper's setting, for GPUs
    python sweeps/loss_landscape.py --preset mini 'plane.alphas=[1e-10]'   # a line
    python sweeps/loss_landscape.py --preset mini plane.coordinates=orthonormal

The preset mini has 13 points a side, not 25, each evaluated on 2,000 training and 2,000 test images. A
resolution of 25 keeps all points of 13. Cost: `--dry-run` says what is missing, and how long it takes.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

SMOKE = rt.presets.SMOKE | {"plane.resolution": 3, "plane.train_size": 300, "plane.test_size": 300}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1),
    "plane.resolution": 13,
    "plane.train_size": 2000,
    "plane.test_size": 2000,
}

PAPER = rt.presets.PAPER | {
    "net.arch": ("vgg11", "resnet18"),
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """The students that span the plane with their teacher, and its points."""
    yield from rt.plane_jobs(point)


STUDY = rt.Study(
    name="loss_landscape",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.PLANE,),
)

if __name__ == "__main__":
    rt.main(STUDY)
