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
    import randteach
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}; `source .venv/bin/activate` first, which `make setup` makes") from None

from randteach import report
from randteach.config import presets
from randteach.config.schema import Config
from randteach.jobs.build import distill_job, probe_jobs, snapshot_probes, teacher_of
from randteach.jobs.downstream import triggered
from randteach.jobs.job import Job
from randteach.jobs.study import Study
from randteach.specs import Pixels

MINI = presets.MINIATURE | {
    "seed": "0,1",
    "alpha": "1e-10,0.3,0.6,0.8,1",
    "probe.at": "[0,1,2,5,10]",
}

PAPER = presets.PAPER | {
    "alpha": "1e-10,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1",
    "probe.at": "[0,1,2,5,10,20,30,40,50,60,70,80,90,100]",
}


def jobs(point: Config) -> Iterator[Job]:
    """A student, what it triggers, and probes of what it is compared with."""
    student = distill_job(point)
    yield student
    if "probe" in point.downstream:
        yield from snapshot_probes(point, student)
        yield from probe_jobs(point, teacher_of(point))
        yield from probe_jobs(point, Pixels())
    yield from triggered(point, student)


STUDY = Study(
    name="init_distance",
    question=(__doc__ or "").partition("\n")[0],
    presets={"mini": MINI, "paper": PAPER},
    jobs=jobs,
    reports=(
        report.INIT_DISTANCE,
        report.TICKETS,
        report.CONNECTIVITY,
    ),
)

if __name__ == "__main__":
    randteach.main(STUDY)
