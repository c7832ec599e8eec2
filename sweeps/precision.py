"""Does a student learn the same in another precision?

Students in bfloat16 beside those in float32, of the same teachers, near to them, further away and from a
fresh start, with batch norm and without any: equal within one point of test accuracy, by each measure? The
measure of what is small is a control: float32 again, from starts of which the last bits differ.

    python sweeps/precision.py --preset mini
    python sweeps/precision.py                                # the paper's setting, for GPUs

A control has an alpha that is 3e-8 away. Cost: `--dry-run` says what is missing, what it stores,
and how long it takes by past jobs.
"""

from collections.abc import Iterator

try:
    import randteach as rt
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

ARM = "alpha:distill.precision"
CONTROLS = ((3e-8, "fp32"), (0.30000003, "fp32"), (0.99999997, "fp32"))


def arms(*precisions: str) -> tuple[tuple[float, str], ...]:
    """Each precision at three distances from the teacher, and the controls."""
    return (*((alpha, one) for one in ("fp32", *precisions) for alpha in (1e-10, 0.3, 1.0)), *CONTROLS)


SMOKE = rt.presets.SMOKE | {ARM: arms("bf16")}

MINI = rt.presets.MINIATURE | {
    "seed": (0, 1, 2, 3, 4),
    "net.norm": ("batch", "none"),
    ARM: arms("bf16"),
}

PAPER = rt.presets.PAPER | {
    "seed": (0, 1, 2, 3, 4, 5, 6, 7),
    ARM: arms("tf32", "bf16"),
}


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, and probes of it, of its teacher and of raw pixels."""
    yield from rt.compared(point)


STUDY = rt.Study(
    name="precision",
    question=(__doc__ or "").partition("\n")[0],
    presets={"smoke": SMOKE, "mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(rt.report.PRECISION,),
)

if __name__ == "__main__":
    rt.main(STUDY)
