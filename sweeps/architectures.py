"""In which architectures do students of random teachers end with better features than their teachers?

Students that start at their teacher: VGGs, ResNets and vision transformers (paper, Table 5), and beside them
the plainest networks, a multilayer perceptron and a small convnet.

    python sweeps/architectures.py --preset mini
    python sweeps/architectures.py                            # the paper's setting, for GPUs

The miniature has no VGG: they take 32 x 32 pixels and pass their teachers after about 2,000 steps. The
paper's vision transformers are those that its authors ran, `_as_run`.

Cost: `--dry-run` says what is missing, what it stores, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

SMOKE = rt.presets.SMOKE | {
    "alpha": 1e-10,
    "net.arch:net.width": (("resnet20", 4), ("mlp", 4), ("vit_tiny_8_as_run", 24)),
}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2),
    "alpha": 1e-10,
    "net.arch:net.width": (
        ("resnet20", 8),
        ("resnet56", 8),
        ("resnet18", 8),
        ("resnet34", 8),
        ("resnet50", 8),
        ("vit_tiny_8", 48),
        ("vit_tiny_8_as_run", 48),
        ("convnet", 16),
        ("mlp", 8),
    ),
}

PAPER = rt.presets.PAPER | {
    "alpha": 1e-10,
    "net.arch": (
        "vgg11",
        "vgg13",
        "vgg16",
        "vgg19",
        "resnet20",
        "resnet56",
        "resnet18",
        "resnet34",
        "resnet50",
        "vit_tiny_16_as_run",
        "vit_small_16_as_run",
        "vit_medium_16_as_run",
        "vit_base_16_as_run",
    ),
    "net.width": None,
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, and probes of it, of its teacher and of raw pixels."""
    yield from rt.compared(point)


STUDY = rt.Study(
    name="architectures",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.ARMS,),
)

if __name__ == "__main__":
    rt.main(STUDY)
