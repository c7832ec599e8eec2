"""Are features good where the embedding, not the output, is near to that of the random teacher?

The plane through the encoders of the teacher (T), of the student that started at it (S1) and of one that
started at a fresh draw (S2): at each point KL(softmax(teacher's embedding) || softmax(its embedding)), probes
and norm, in orthonormal coordinates: paper, Figure 15, and a finer grid around the teacher, Figure 16.

    python sweeps/embedding_plane.py --preset mini            # Fashion-MNIST, minutes on two CPU cores
    python sweeps/embedding_plane.py                          # the paper's setting, for GPUs

The grid around the teacher goes as far as twice its distance to S1. The preset mini has 13 points a side of
each grid, not 25, evaluated on 2,000 training and 2,000 test images; its students are those of
sweeps/loss_landscape.py. Cost: `--dry-run` says what is missing, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

PLANE: rt.presets.Preset = {
    "plane.of": "embedding",
    "plane.coordinates": "orthonormal",
    "plane.around:plane.margin": (("networks", 0.5), ("teacher", 2.0)),
}

SMOKE = rt.presets.SMOKE | {
    **PLANE,
    "plane.resolution": 3,
    "plane.train_size": 300,
    "plane.test_size": 300,
}

MINI = rt.presets.MINIATURE | {
    **PLANE,
    "seed": (0, 1),
    "plane.resolution": 13,
    "plane.train_size": 2000,
    "plane.test_size": 2000,
}

PAPER = rt.presets.PAPER | {
    **PLANE,
    "net.arch": ("vgg11", "resnet18"),
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """The students that span the plane with their teacher, and its points."""
    yield from rt.plane_jobs(point)


STUDY = rt.Study(
    name="embedding_plane",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.PLANE,),
)

if __name__ == "__main__":
    rt.main(STUDY)
