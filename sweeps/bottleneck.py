"""Which parts of the projection head does a student of a random teacher need?

The number of outputs, with bottlenecks of two widths (paper, Figure 10), and each part of the bottleneck
switched off (Figure 12). A bottleneck is spelled in six fields: weight norm, layer and feature norm of its
two layers.

    python sweeps/bottleneck.py --preset mini
    python sweeps/bottleneck.py                               # the paper's setting, for GPUs

Cost: `--dry-run` says what is missing, what it stores, and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

HEAD = "head.bottleneck:head.bottleneck_dim:head.out_dim"
OWN = "-/lb/fn/-/l/-"  # as the paper's authors ran it
PARTS = (
    "-/lb/fn/wn/l/-",  # the paper's
    "wn/lb/-/wn/l/-",
    "-/lb/fn/-/l/fn",
    "-/lb/-/-/l/fn",
    "-/lb/-/-/l/-",
    "-/-/-/-/l/fn",
    "-/-/-/-/l/-",
)

SMOKE = rt.presets.SMOKE | {"alpha": 1e-10, HEAD: ((OWN, 16, 16), (OWN, 16, 64), ("-/-/-/-/l/fn", 16, 64))}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2),
    "alpha": 1e-10,
    HEAD: (
        *((OWN, 64, out_dim) for out_dim in (2, 16, 64, 256, 1024, 4096)),
        *((OWN, 16, out_dim) for out_dim in (2, 16, 64, 256, 1024)),
        *((parts, 64, 1024) for parts in PARTS),
    ),
}

PAPER = rt.presets.PAPER | {
    "alpha": 1e-10,
    HEAD: (
        *((OWN, 256, 2**power) for power in (1, 2, 4, 6, 8, 10, 12, 14, 16)),
        *((OWN, 64, 2**power) for power in (1, 2, 4, 6, 8, 10, 12, 14, 16)),
        *((parts, 256, 65536) for parts in PARTS),
    ),
    "probe.at": [0, 1, 2, 5, 10, 20, 40, 60, 80, 100],
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, and probes of it, of its teacher and of raw pixels."""
    yield from rt.compared(point)


STUDY = rt.Study(
    name="bottleneck",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.along("head.out_dim"), rt.report.ARMS),
)

if __name__ == "__main__":
    rt.main(STUDY)
