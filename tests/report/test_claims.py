"""Claims on made-up studies: each verdict, settings apart, arms that are missing."""

from typing import Any

import pytest

from randteach.config import overrides
from randteach.jobs.study import expand
from randteach.report import findings
from randteach.report.claim import MEASURES, Claim
from randteach.report.claims import CLAIMS
from randteach.report.findings import Finding
from randteach.report.results import Results
from randteach.report.sides import FEW, MANY
from randteach.report.verdicts import CONTRADICTED, NOT_RUN, SEEN, UNDECIDED
from sweeps.init_distance import STUDY
from tests.report.tables import frame, number, pixels, student, teacher

Row = dict[str, Any]
BY_NAME = {claim.name: claim for claim in CLAIMS}
MINI = expand(STUDY, overrides.parse(STUDY.presets["mini"], [])).settings


def judged(name: str, rows: list[Row], settings: Any = MINI, study: str = "") -> list[Finding]:
    claim = BY_NAME[name]
    results = Results(frame(rows), settings, {})
    return findings.findings(claim, {study or claim.sweeps[-1]: results})


def in_miniature(name: str, arm: str, rows: list[Row]) -> Finding:
    (found,) = [one for one in judged(name, rows) if one.arm == arm and not one.in_paper]
    return found


def pairs(*gains: float, alpha: float = 1e-10, **more: Any) -> list[Row]:
    rows = [pixels(80.0)]
    for seed, gain in enumerate(gains):
        rows += [teacher(seed, 50.0 + seed, **more), student(seed, 50.0 + seed + gain, alpha=alpha, **more)]
    return rows


@pytest.mark.parametrize(
    ("gains", "verdict", "n"),
    [
        ((5.0, 6.0, 7.0), SEEN, 3),
        ((-5.0, -6.0, -7.0), CONTRADICTED, 3),
        ((5.0, -6.0, 7.0), UNDECIDED, 3),
        ((5.0, 6.0), UNDECIDED, 2),
        ((), NOT_RUN, 0),
    ],
)
def test_a_student_against_its_teacher(gains: tuple[float, ...], verdict: str, n: int) -> None:
    for measure in MEASURES:
        found = in_miniature("student-beats-teacher", measure, pairs(*gains, measure=measure))
        assert (found.verdict, found.difference.n) == (verdict, n)
        others = [one for one in judged("student-beats-teacher", pairs(*gains)) if one.arm != "linear"]
        assert {one.verdict for one in others} == {NOT_RUN}
    if gains:
        found = in_miniature("student-beats-teacher", "linear", pairs(*gains))
        assert found.difference.mean == pytest.approx(sum(gains) / n)
        assert found.ours.mean - found.theirs.mean == pytest.approx(found.difference.mean)
        assert found.setting == "resnet18 at width 8 on Fashion-MNIST" and "distill.epochs=10" in found.unlike


def test_a_miniature_gives_no_verdict_on_the_papers_setting() -> None:
    found = judged("student-beats-teacher", pairs(5.0, 6.0, 7.0))
    (paper,) = [one for one in found if one.in_paper and one.arm == "linear"]
    assert paper.verdict == NOT_RUN
    assert "CIFAR-10, resnet18: 35.50 → 46.02" in BY_NAME["student-beats-teacher"].said("linear")


@pytest.mark.parametrize(("typed", "in_paper"), [([], True), (["distill.epochs=99"], False)])
def test_rows_of_the_papers_records_are_its_setting(typed: list[str], in_paper: bool) -> None:
    settings = expand(STUDY, overrides.parse(STUDY.presets["paper"], ["probe.at=[0]", *typed])).settings
    place = {"dataset": "cifar10", "probed_on": "cifar10", "width": 64}
    rows = [row for row in pairs(5.0, 6.0, 7.0, **place) if row["role"] != "input"]
    found = judged("student-beats-teacher", rows, settings)
    (made,) = [one for one in found if one.difference.n]
    assert (made.in_paper, made.verdict) == (in_paper, SEEN)
    assert ("distill.epochs=99 (100)" in made.unlike) != in_paper
    assert len([one for one in found if one.arm == "linear"]) == 2


@pytest.mark.parametrize(
    ("name", "one", "other", "verdict"),
    [
        ("near-beats-far", 1e-10, 1.0, SEEN),
        ("alike-at-0.3", 0.3, 1e-10, CONTRADICTED),
        ("alike-at-0.6", 0.6, 1e-10, CONTRADICTED),
    ],
)
def test_students_of_one_teacher_are_pairs(name: str, one: float, other: float, verdict: str) -> None:
    """Teachers differ by tens of points, students of one by 4: pairs alone see it."""
    rows = []
    for seed in range(3):
        base = 20.0 * seed
        rows += [student(seed, base, alpha=other), student(seed, base + 4 + 0.1 * seed, alpha=one)]
    found = in_miniature(name, "linear", rows)
    assert (found.verdict, found.difference.n) == (verdict, 3)
    assert found.difference.mean == pytest.approx(4.1)
    alone = in_miniature(name, "linear", [row for row in rows if row["alpha"] == one])
    assert (alone.verdict, alone.difference.n, alone.difference.planned) == (NOT_RUN, 0, 3)


def test_alike_within_the_margin() -> None:
    rows = [
        student(seed, 60.0 + 0.1 * seed * (alpha > 0.1), alpha=alpha)
        for seed in range(3)
        for alpha in (1e-10, 0.3)
    ]
    found = in_miniature("alike-at-0.3", "linear", rows)
    assert found.verdict == SEEN and found.note.startswith("TOST p")


def test_a_student_that_diverged_takes_its_teacher_along() -> None:
    rows = [
        row | {"value": None, "status": "diverged"} if row["role"] == "student" and row["seed"] == 2 else row
        for row in pairs(5.0, 6.0, 7.0)
    ]
    found = in_miniature("student-beats-teacher", "linear", rows)
    assert found.verdict == UNDECIDED and found.difference.count == "2 of 3, 1 diverged"


def test_settings_stand_apart() -> None:
    rows = pairs(5.0, 6.0, 7.0, **{"distill.lr": 1e-3}) + pairs(-5.0, -6.0, -7.0, **{"distill.lr": 1e-2})
    found = [one for one in judged("student-beats-teacher", rows) if one.difference.n]
    assert {one.setting.rpartition(", ")[2]: one.verdict for one in found} == {
        "distill.lr=0.001": SEEN,
        "distill.lr=0.01": CONTRADICTED,
    }


def test_studies_are_known_by_the_sweeps_name() -> None:
    rows = pairs(5.0, 6.0, 7.0)
    named = {
        "init_distance-small": True,
        "init_distances": False,
        "other": False,
        "init_distance_smoke": False,
    }
    for study, known in named.items():
        found = judged("student-beats-teacher", rows, study=study)
        assert any(one.study == study for one in found) == known


def test_settings_that_cannot_be_read_are_not_the_papers() -> None:
    for settings in ({}, {"net.arch": [["x"]]}, {"distill.epochs": ["many"]}, {"data.size": [{}]}):
        (found,) = [
            one for one in judged("student-beats-teacher", pairs(5.0, 6.0, 7.0), settings) if one.study
        ]
        assert not found.in_paper and found.verdict == SEEN


def ticket(seed: int, role: str, kept: float, value: float, **more: Any) -> Row:
    place: Row = {"probed_on": "fashion_mnist", "arch": "resnet18", "width": 8, "seed": seed}
    place |= {"draw": f"d{seed}", "teacher": f"d{seed}", "kept": kept, "round": round(1 / kept), "step": 80}
    place |= (
        {"dataset": "fashion_mnist", "alpha": 1e-10, "at": 10.0} if role == "student" else {"rewind": 0.0}
    )
    return number("train", role, "error", 100 - value, **{**place, **more})


def test_tickets_at_low_and_at_high_sparsity() -> None:
    rows = []
    for seed in range(3):
        for kept, gain in ((0.64, 3.0), (0.2, -3.0)):
            rows += [
                ticket(seed, "teacher", kept, 60.0),
                ticket(seed, "student", kept, 60.0 + gain + 0.1 * seed),
            ]
            rows += [
                ticket(seed, "student", kept, 0.0, at=1.0),
                ticket(seed, "teacher", kept, 99.0, rewind=1.0),
            ]
            rows += [ticket(seed, "student", kept, 0.0, control="reinit")]
    many, few = (in_miniature("tickets", arm, rows) for arm in (MANY, FEW))
    assert (many.verdict, many.difference.mean) == (SEEN, pytest.approx(3.1))
    assert (few.verdict, few.difference.mean) == (CONTRADICTED, pytest.approx(-2.9))
    assert "train.epochs=160" not in many.unlike and "tickets.fraction" not in many.unlike


def line(seed: int, role: str, value: float, **more: Any) -> Row:
    place: Row = {"probed_on": "fashion_mnist", "arch": "resnet18", "width": 8, "seed": seed, "pair": "0-1"}
    place |= {"draw": f"d{seed}", "teacher": f"d{seed}", "bn": "reestimated"}
    place |= {"dataset": "fashion_mnist", "alpha": 1e-10, "at": 10.0} if role == "student" else {}
    return number("connect", role, "barrier_error", value, **{**place, **more})


@pytest.mark.parametrize(
    ("student", "teacher", "verdicts"),
    [(0.5, 40.0, (SEEN, SEEN)), (9.0, 0.5, (CONTRADICTED, CONTRADICTED)), (2.0, 2.0, (UNDECIDED, UNDECIDED))],
)
def test_barriers(student: float, teacher: float, verdicts: tuple[str, str]) -> None:
    rows = [
        line(seed, role, value + 0.1 * (seed - 1))
        for seed in range(3)
        for role, value in (("student", student), ("teacher", teacher))
    ]
    rows += [line(seed, "student", 99.0, at=1.0) for seed in range(3)]
    arm = "BatchNorm statistics re-estimated"
    names = ("no-barrier-of-the-student", "barrier-of-the-teacher")
    assert tuple(in_miniature(name, arm, rows).verdict for name in names) == verdicts
    assert in_miniature(names[0], "no norm layers", rows).verdict == NOT_RUN


def test_a_second_round() -> None:
    rows = []
    for seed in range(3):
        first, second = (
            student(seed, 60.0 + extra, round=at, draw=f"d{seed}")
            for at, extra in ((1, 0.0), (2, 0.1 * seed))
        )
        rows += [{**row, "alpha": 1e-10, "teacher": f"t{seed}{at}"} for at, row in enumerate((first, second))]
    found = in_miniature("second-round", "linear", rows)
    assert (found.verdict, found.difference.mean) == (SEEN, pytest.approx(0.1))
    assert in_miniature("student-beats-teacher", "linear", rows).verdict == NOT_RUN


def test_claims_say_all_that_they_rest_on() -> None:
    assert len(BY_NAME) == len(CLAIMS)
    for claim in CLAIMS:
        assert isinstance(claim, Claim) and claim.sentence.endswith(".") and claim.where and claim.compared
        assert len(findings.findings(claim, {})) == 2 * len(claim.arms)
        assert {one.verdict for one in findings.findings(claim, {})} == {NOT_RUN}


def heads(values: dict[tuple[str, int, int], float], **more: Any) -> list[Row]:
    """Students of three teachers by bottleneck, its width and outputs: their accuracies."""
    names = ("head.bottleneck", "head.bottleneck_dim", "head.out_dim")
    return [
        student(seed, value + 0.1 * seed, alpha=1e-10, **dict(zip(names, head, strict=True)), **more)
        for head, value in values.items()
        for seed in range(3)
    ]


AS_RUN = "-/lb/fn/-/l/-"


def test_outputs_are_compared_with_the_width_of_their_bottleneck() -> None:
    values = {(AS_RUN, 64, out): value for out, value in ((2, 40), (16, 50), (64, 60), (256, 65), (1024, 66))}
    values |= {(AS_RUN, 16, out): value for out, value in ((2, 45), (64, 70), (1024, 60))}
    values |= {("-/-/-/-/l/-", 64, 1024): 30.0}  # which has nothing to be compared with
    gains = {"many-outputs": {64: 66 - 50, 16: 60 - 45}, "not-most-outputs": {64: 66 - 65, 16: 60 - 70}}
    for claim, expected in gains.items():
        found = [one for one in judged(claim, heads(values)) if one.arm == "linear" and not one.in_paper]
        assert {one.setting.rpartition("=")[2]: one.difference.mean for one in found} == {
            str(width): pytest.approx(gain) for width, gain in expected.items()
        }


def test_bottlenecks_without_a_normalisation() -> None:
    values = {(AS_RUN, 64, 1024): 70.0, ("wn/lb/-/wn/l/-", 64, 1024): 60.0, ("-/-/-/-/l/-", 64, 1024): 10.0}
    values |= {(AS_RUN, 64, out): 66.0 for out in (2, 16)}  # which have no other bottleneck beside them
    found = in_miniature("feature-norm", "linear", heads(values))
    assert (found.verdict, found.difference.mean) == (SEEN, pytest.approx(10))


def test_norm_layers_are_judged_one_by_one() -> None:
    rows = [
        row
        for norm, gain in (("batch", 9.0), ("instance", 5.0), ("none", -5.0))
        for row in pairs(gain, gain + 0.1, gain + 0.2, **{"net.norm": norm})
    ]
    verdicts = {one.arm: one.verdict for one in judged("norm-layers", rows) if not one.in_paper}
    assert verdicts == {"instance": SEEN, "none": CONTRADICTED, "group": NOT_RUN, "layer": NOT_RUN}


def test_students_are_compared_with_teachers_elsewhere_by_their_source() -> None:
    rows = pairs(5.0, 5.1, 5.2)
    rows += [student(seed, 48.0 + seed, alpha=1e-10, dataset="mnist5k") for seed in range(3)]
    found = in_miniature("transfer", "linear", rows)
    assert (found.verdict, found.difference.mean) == (CONTRADICTED, pytest.approx(-2))
    assert "distilled on 5,000 of MNIST, probed on Fashion-MNIST" in found.setting
    own = in_miniature("student-beats-teacher", "linear", rows)
    assert (own.verdict, own.difference.mean) == (SEEN, pytest.approx(5.1))


def test_images_are_compared_with_noise_and_with_fewer() -> None:
    values = {("fashion_mnist", 500): 60.0, ("fashion_mnist", 10000): 65.0, ("gaussian", 500): 20.0}
    values |= {("gaussian", 10000): 30.0, ("phase", 10000): 62.0}
    rows = [teacher(seed, 55.0) for seed in range(3)]
    for (name, count), value in values.items():
        more = {"dataset": name, "data.train_size": count}
        rows += [student(seed, value + 0.1 * seed, alpha=1e-10, **more) for seed in range(3)]
    for claim, gain in (("random-inputs", 35.0), ("more-samples", 5.0), ("few-samples", 5.1)):
        found = in_miniature(claim, "linear", rows)
        assert (found.verdict, found.difference.mean, found.difference.n) == (SEEN, pytest.approx(gain), 3)
        assert "data.train_size" not in found.unlike and "data.name=fashion_mnist (cifar10" in found.unlike


def test_what_students_are_trained_to_near_and_far() -> None:
    """KL at the last epoch, paired by teacher; a claim on it tells more digits than one on accuracies."""
    rows = pairs(5.0, 6.0, 7.0) + [student(seed, 50.0, alpha=1.0) for seed in range(3)]
    for seed in range(3):
        for alpha, kl in ((1e-10, 2e-6), (1.0, 3e-6)):
            for epoch in (5, 10):
                base = student(seed, 1.0, epoch, alpha=alpha)
                about = {name: base[name] for name in ("dataset", "arch", "width", "draw", "teacher", "step")}
                value = kl * (10 / epoch) + 1e-8 * seed * (alpha == 1)
                more = {**about, "alpha": alpha, "seed": seed, "epoch": float(epoch)}
                rows.append(number("distill", "student", "kl", value, **more) | {"split": None})
    found = in_miniature("far-is-harder", "kl", rows)
    assert (found.verdict, found.difference.n) == (SEEN, 3)
    assert found.difference.mean == pytest.approx(1.01e-6)
    assert (found.ours.mean, found.theirs.mean) == (pytest.approx(3.01e-6), pytest.approx(2e-6))
