"""How many directions do a student's features use, along its distillation?

A file from outside the package: it declares a kind of job with its stage, and a figure, and runs by itself.

    python examples/feature_rank.py --preset mini             # minutes on two CPU cores
    ray submit infra/cluster.yaml examples/feature_rank.py --preset mini
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

import randteach as rt

COUNT = 2000  # samples that the spectrum is taken of


@dataclass(frozen=True)
class FeatureRank:
    """The effective rank of a network's features on some samples: what decides the number."""

    reference: rt.Snapshot | rt.Draw
    samples: rt.Samples

    @property
    def reads(self) -> set[tuple[rt.Samples, str]]:
        """The samples that the stage reads."""
        return {(self.samples, "train")}


def effective_rank(features_ND: torch.Tensor) -> float:
    """exp of the entropy of the normalised covariance spectrum, from 1 to D (Roy and Vetterli 2007)."""
    centred_ND = features_ND.double() - features_ND.double().mean(0)
    share_D = torch.linalg.svdvals(centred_ND).square()
    return float(torch.special.entr(share_D / share_D.sum()).sum().exp())


def feature_rank(spec: FeatureRank, opened: rt.Inputs, recorder: rt.Recorder) -> None:
    """The stage: features of the samples, and their effective rank."""
    encoder = opened.encoder(spec.reference, spec.samples.size)
    data, indices = opened.samples(spec.samples)
    opened.ready()
    row = {"rank": effective_rank(rt.embed(encoder, rt.inputs(data, indices, opened.device)))}
    recorder.row(row)
    recorder.result(rt.Result([row]))


RANK = rt.Kind(
    "example.feature_rank",
    FeatureRank,
    feature_rank,
    (rt.Number("rank", "directions"),),
    title="feature rank",
)


def rank_job(point: rt.Point, reference: rt.Snapshot | rt.Draw, probe: rt.Job) -> rt.Job:
    """The measurement of what a probe looks at, with the probe's labels and parents."""
    samples = rt.distilled(point)
    spec = FeatureRank(reference, replace(samples, count=min(COUNT, samples.count)))
    return rt.Job(RANK.name, spec, {}, probe.parents, rank=(2,), labels=probe.labels)


def jobs(point: rt.Point) -> Iterator[rt.Job]:
    """A student, and the rank of its teacher's features and of those of each snapshot."""
    student = rt.distill_job(point)
    yield student
    teacher = rt.teacher_of(point)
    yield rank_job(point, teacher, rt.probe_jobs(point, teacher)[0])
    for step in student.steps:
        snapshot = rt.snapshot(student, step, point)
        yield rank_job(point, snapshot, rt.probe_jobs(point, snapshot, student)[0])


def draw(results: Any, folder: Path, name: str) -> None:
    """Rank against epochs, a line an alpha."""
    from randteach.report.statistics import estimates, nested
    from randteach.report.style import barred, graded, page, save

    rows = [row for row in results.rows if row["measure"] == "rank" and row["role"] == "student"]
    lines = nested(estimates(rows, ["alpha", "epoch"]))
    with page(5.0, 3.6) as figure:
        panel = figure.subplots()
        for number, ((alpha,), points) in enumerate(lines.items()):
            barred(panel, points, label=f"alpha {alpha:g}", **graded(number, len(lines)))
        panel.set_xlabel("epochs of distillation")
        panel.set_ylabel("effective rank of the features")
        panel.legend()
        save(figure, folder, name)


STUDY = rt.Study(
    name="feature_rank",
    question=(__doc__ or "").partition("\n")[0],
    presets={
        "mini": rt.presets.MINIATURE
        | {"seed": (0, 1), "alpha": (1e-10, 0.6, 1.0), "probe.at": [0, 1, 2, 5, 10]},
        "paper": rt.presets.PAPER | {"alpha": (1e-10, 0.5, 1.0), "probe.at": [0, 10, 50, 100]},
    },
    jobs=jobs,
    reports=(rt.Report("feature_rank", draw, lambda results: []),),
    declares=(RANK,),
)

if __name__ == "__main__":
    rt.main(STUDY)
