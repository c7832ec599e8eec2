"""What hangs below a student: which jobs, from which weights, under which masks; and what can't be asked."""

import importlib
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from randteach.config import overrides
from randteach.config.schema import Net
from randteach.errors import UserError
from randteach.identity.artifact import Artifact
from randteach.jobs.build import distill_job, last, reference_id
from randteach.jobs.downstream.connect import connect_job, connect_jobs
from randteach.jobs.downstream.plane import plane_jobs
from randteach.jobs.downstream.tickets import ticket_jobs
from randteach.jobs.downstream.train import train_job
from randteach.jobs.job import Entry, Job
from randteach.jobs.resolve import resolve
from randteach.jobs.study import Plan, expand
from randteach.nets.pruning import kept, prunable
from randteach.specs import Draw, MaskSpec, PlaneSpec, Snapshot, TrainSpec

SWEEPS = (
    "lottery_tickets",
    "mode_connectivity",
    "loss_landscape",
    "embedding_plane",
    "restart",
    "init_distance",
)
TICKETS, CONNECT, PLANE, EMBEDDING, RESTART, DISTANCE = (
    importlib.import_module(f"sweeps.{name}").STUDY for name in SWEEPS
)


def planned(study: Any, *pairs: str) -> Plan:
    return expand(study, overrides.parse(study.presets["mini"], pairs))


def point(study: Any, *pairs: str) -> Any:
    return resolve(next(overrides.parse(study.presets["mini"], pairs).points()))


def named(jobs: list[Job], **labels: Any) -> Job:
    (found,) = (job for job in jobs if labels.items() <= job.labels.items() and job.kind == "train")
    return found


def test_a_further_round_adds_one_mask_and_one_training_a_line() -> None:
    """And changes no job that there was: five rounds, then eight."""
    five, eight = (planned(TICKETS, f"rounds={rounds}", "seed=0") for rounds in (5, 8))
    keys = [{job.key for job in plan.jobs} for plan in (five, eight)]
    assert keys[0] < keys[1]
    new = [job for job in eight.jobs if job.key not in keys[0]]
    # Lines: student, teacher rewound to 0 and 1, random masks of student and teacher.
    assert Counter(job.kind for job in new) == {"train": 15, "mask": 15}
    assert {job.labels["round"] for job in new} == {6, 7, 8}


def test_a_round_is_trained_from_the_start_under_the_mask_of_the_round_before() -> None:
    config = point(TICKETS, "rounds=3", "tickets.controls=[]", "tickets.rewind=[1]")
    student = distill_job(config)
    jobs = list(ticket_jobs(config, student))
    rounds = [named(jobs, role="student", round=number) for number in range(4)]
    masks = {job.key: job for job in jobs if job.kind == "mask"}
    shapes = prunable(config.net, 1, 16, 10, "weights")
    assert isinstance(rounds[0].spec, TrainSpec) and rounds[0].spec.mask is None
    for number in (1, 2, 3):
        spec = rounds[number].spec
        assert isinstance(spec, TrainSpec) and spec.start == last(student, config) and spec.mask
        mask = masks[spec.mask]
        assert isinstance(mask.spec, MaskSpec) and mask.spec.of == last(rounds[number - 1], config)
        assert mask.spec.within == (rounds[number - 1].spec.mask if number > 1 else None)  # type: ignore[union-attr]
        assert mask.spec.round == number
        assert set(rounds[number].parents) == {
            Artifact("distill", student.key, 790), Artifact("mask", mask.key)
        }  # fmt: skip
        total = kept(shapes, config.tickets.fraction, 0)
        assert rounds[number].labels["kept"] == round(total * 0.64**number) / total


def test_a_rewound_teacher_goes_on_from_its_own_training() -> None:
    config = point(TICKETS, "rounds=1", "tickets.rewind=[0,1,5]", "tickets.controls=[]")
    jobs = list(ticket_jobs(config, distill_job(config)))
    dense = named(jobs, role="teacher", round=0)
    assert dense.steps == {40: 1, 200: 5, 320: 8}  # 10,000 images in batches of 256, 8 epochs
    starts = [named(jobs, role="teacher", round=1, rewind=float(epoch)).spec for epoch in (0, 1, 5)]
    assert [getattr(spec.start, "step", None) for spec in starts] == [None, 40, 200]  # type: ignore[union-attr]
    assert len({spec.mask for spec in starts}) == 1  # type: ignore[union-attr]
    assert not any(spec.momentum for spec in starts)  # type: ignore[union-attr]
    restored = point(TICKETS, "rounds=1", "tickets.momentum=restored")
    jobs = list(ticket_jobs(restored, distill_job(restored)))
    spec = next(j for j in jobs if j.kind == "train" and j.labels.get("rewind") == 1.0)
    assert spec.spec.momentum and spec.parents[1] == Artifact("state", spec.parents[0].key, 40)  # type: ignore[union-attr]
    assert named(jobs, role="teacher", round=0).states == {40}


def test_controls() -> None:
    pairs = ("rounds=2", "tickets.rewind=[0]", "tickets.controls=[random,random_layers,reinit,transfer]")
    config = point(TICKETS, *pairs)
    jobs = list(ticket_jobs(config, distill_job(config)))
    masks = {job.key: job.spec for job in jobs if job.kind == "mask"}

    def ticket(role: str, control: str | None) -> TrainSpec:
        found = [
            job.spec
            for job in jobs
            if job.kind == "train" and (job.labels["role"], job.labels.get("control")) == (role, control)
            and job.labels["round"] == 2
        ]  # fmt: skip
        (spec,) = found
        assert isinstance(spec, TrainSpec) and spec.mask
        return spec

    for role in ("student", "teacher"):
        plain, other = ticket(role, None), ticket("teacher" if role == "student" else "student", None)
        assert ticket(role, "transfer").mask == other.mask and ticket(role, "transfer").start == plain.start
        fresh = ticket(role, "reinit")
        assert fresh.mask == plain.mask and fresh.start == Draw("reinit", 0, config.net, 1)
        layers = masks[str(ticket(role, "random_layers").mask)]
        assert isinstance(layers, MaskSpec) and layers.within == plain.mask and layers.of is None
        assert ticket(role, "random").start == plain.start
    assert ticket("student", "random").mask == ticket("teacher", "random").mask


def test_children_differ_in_order_alone_and_all_pairs_are_joined() -> None:
    config = point(CONNECT, "connect.children=4")
    jobs = list(connect_jobs(config, distill_job(config)))
    children = [j.spec for j in jobs if j.kind == "train" and j.labels["role"] == "teacher"]
    assert [spec.seed_order for spec in children] == [0, 1, 2, 3]  # type: ignore[union-attr]
    assert len({repr(vars(spec) | {"seed_order": 0}) for spec in children}) == 1
    pairs = [j.labels["pair"] for j in jobs if j.kind == "connect" and j.labels["role"] == "teacher"]
    assert pairs == ["0-1", "0-2", "0-3", "1-2", "1-3", "2-3"]
    more = {job.key for job in connect_jobs(point(CONNECT, "connect.children=5"), distill_job(config))}
    assert {job.key for job in jobs} < more


def test_a_restart_takes_the_last_student_with_its_head_as_teacher() -> None:
    plan = planned(RESTART, "seed=0", "alpha=0.6")
    students = [job for job in plan.jobs if job.kind == "distill"]
    assert [job.labels["round"] for job in students] == [1, 2, 3]
    for before, after in pairwise(students):
        teacher = after.spec.teacher  # type: ignore[union-attr]
        assert teacher == Snapshot(before.key, 790, Net("resnet18", 8), 1)
        assert after.labels["teacher"] == reference_id(teacher)
        assert after.parents == (Artifact("distill", before.key, 790), Artifact("state", before.key, 790))
        assert set(before.artifacts[-2:]) == set(after.parents)
    # The first round is the main study's student, the same job.
    assert students[0].key in {job.key for job in planned(DISTANCE, "seed=0").jobs}
    more = planned(RESTART, "seed=0", "alpha=0.6", "rounds=4")
    assert {job.key for job in plan.jobs} < {job.key for job in more.jobs}


def test_a_finer_plane_keeps_the_coarser_ones_jobs() -> None:
    coarse, fine = (planned(PLANE, f"plane.resolution={n}", "seed=0") for n in (13, 25))
    assert {job.key for job in coarse.jobs} < {job.key for job in fine.jobs}
    (corners,) = (j for j in coarse.jobs if j.labels.get("place") == "corners")
    assert isinstance(corners.spec, PlaneSpec) and len(corners.spec.corners) == 3
    assert Counter(parent.kind for parent in corners.parents) == {"distill": 2, "state": 2}
    line = planned(PLANE, "plane.alphas=[0.3]", "plane.resolution=9", "seed=0")
    assert Counter(job.kind for job in line.jobs) == {"distill": 1, "plane": 3}


def test_downstream_jobs_can_be_had_of_chosen_students_and_epochs() -> None:
    pairs = ("downstream=[probe,tickets,connect]", "train.epochs=8", "connect.children=2", "seed=0")
    chosen = ("tickets.alphas=[0.3,1]", "tickets.at=[5]", "connect.alphas=[1]", "connect.at=[0,10]")
    jobs = planned(DISTANCE, *pairs, *chosen).jobs
    tickets = [j.labels for j in jobs if j.kind == "mask" and j.labels["role"] == "student"]
    assert {(about["alpha"], about["at"]) for about in tickets} == {(0.3, 5), (1, 5)}
    lines = [j.labels for j in jobs if j.kind == "connect" and j.labels["role"] == "student"]
    assert {(about["alpha"], about["at"]) for about in lines} == {(1, 0), (1, 10)}
    plain = planned(DISTANCE, "seed=0").jobs
    assert {job.key for job in plain} < {job.key for job in jobs}
    assert not planned(DISTANCE, "seed=0", "downstream=[]").jobs[-1].kind.startswith("probe")


def test_what_swept_settings_share_has_none_of_their_values() -> None:
    """The unpruned trainings are of both scopes; only the rounds are of one."""
    plan = planned(TICKETS, "tickets.scope=weights,all", "seed=0", "rounds=1", "tickets.controls=[]")
    found = {(j.labels["round"], j.labels.get("tickets.scope")) for j in plan.jobs if j.kind == "train"}
    assert found == {(0, None), (1, "weights"), (1, "all")}


def test_a_child_that_is_a_tickets_first_round_is_known_as_both() -> None:
    pairs = ("downstream=[tickets,connect]", "alpha=1e-10,0.3", "train.epochs=8", "rounds=1", "seed=0")
    jobs = planned(DISTANCE, *pairs, "tickets.alphas=[0.3]", "connect.alphas=[1e-10]").jobs
    (dense,) = (j for j in jobs if j.kind == "train" and j.labels.get("round") == 0 and not j.parents)
    assert dense.labels["pair"] == "0" and dense.labels["kept"] == 1


def test_a_teacher_under_masks_of_several_students_tells_them_apart() -> None:
    pairs = ("alpha=0.3,0.6", "seed=0", "rounds=1", "tickets.controls=[transfer]", "tickets.rewind=[0]")
    jobs = planned(TICKETS, *pairs).jobs
    found = [j.labels for j in jobs if j.labels.get("control") and j.labels["role"] == "teacher"]
    assert [labels["alpha"] for labels in found] == [0.3, 0.6]


def test_plans_are_written_and_read_with_their_states() -> None:
    for job in planned(RESTART).jobs:
        assert Entry.from_json(job.entry.as_json()) == job.entry
    plain = planned(DISTANCE).jobs[0].entry
    assert "states" not in plain.as_json() and Entry.from_json(plain.as_json()) == plain


MISTAKES = [
    (TICKETS, "tickets.fraction=0", "tickets.fraction=0.0: allowed are numbers from 0.001 to below 1"),
    (TICKETS, "tickets.fraction=1", "tickets.fraction=1.0: allowed are numbers from 0.001 to below 1"),
    (TICKETS, "tickets.scope=none", "tickets.scope=none: allowed are weights, all"),
    (TICKETS, "rounds=60", "rounds=60: with tickets.fraction=0.36 none of 174408 weights stays"),
    (TICKETS, "tickets.rewind=[0,8]", "tickets.rewind=[8]: the training has train.epochs=8"),
    (TICKETS, "tickets.at=[3]", "tickets.at=[3]: the student has snapshots at epochs 0, 10"),
    (TICKETS, "train.batch_size=9999", "leaves one of 10000 samples for the last batch"),
    (CONNECT, "connect.at=[20]", "connect.at=[20]: the student has snapshots at epochs 1, 3, 10"),
    (CONNECT, "connect.test_size=6000", "connect.test_size=6000: the probe has 5000 such samples"),
    (CONNECT, "connect.children=1", "connect.children=1: allowed are numbers from 2"),
    (PLANE, "plane.alphas=[0.3,0.3]", "a plane takes two students of different alpha, a line one"),
    (PLANE, "plane.alphas=[0,0.5,1]", "a plane takes two students of different alpha, a line one"),
    (PLANE, "plane.train_size=10", "plane.train_size=10: kNN takes probe.neighbours=20 of them"),
    (PLANE, "distill.epochs=0", "untrained students span no plane"),
    (PLANE, "plane.around=teacher", "plane.around=teacher: oblique axes have a scale each"),
    (
        EMBEDDING,
        "plane.around:plane.margin=teacher:0",
        "plane.margin=0: with plane.around=teacher all points are the teacher",
    ),
    (PLANE, "plane.of=head", "plane.of=head: allowed are outputs, embedding"),
    (RESTART, "rounds=0", "rounds=0: allowed are numbers from 1"),
]


@pytest.mark.parametrize(("study", "pair", "message"), MISTAKES, ids=[pair for _, pair, _ in MISTAKES])
def test_what_cannot_be_is_said_before_anything_trains(study: Any, pair: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        planned(study, pair)
    assert message in str(refused.value)


def test_children_of_different_networks_have_no_line() -> None:
    config, wider = point(CONNECT), point(CONNECT, "net.width=16")
    one, other = (train_job(c, Draw("teacher", 0, c.net, 1), {"role": "teacher"}) for c in (config, wider))
    with pytest.raises(UserError, match="children of different networks"):
        connect_job(config, one, other, {})


def test_a_plane_of_encoders_needs_no_heads_and_shares_the_students_of_other_planes() -> None:
    plan, other = planned(EMBEDDING, "seed=0"), planned(PLANE, "seed=0")
    assert {j.key for j in plan.jobs if j.kind == "distill"} == {
        j.key for j in other.jobs if j.kind == "distill"
    }
    planes = [job for job in plan.jobs if job.kind == "plane"]
    assert {parent.kind for job in planes for parent in job.parents} == {"distill"}
    assert not any(job.states for job in plan.jobs)
    boxes = {(job.spec.compared, job.spec.around, job.spec.margin) for job in planes}  # type: ignore[union-attr]
    assert boxes == {("embedding", "networks", 0.5), ("embedding", "teacher", 2.0)}
    # What both planes are asked for is one plan: the students come with their heads.
    both = planned(PLANE, "seed=0", "plane.of=outputs,embedding")
    assert {j.key for j in other.jobs} < {j.key for j in both.jobs}
    assert all(job.states for job in both.jobs if job.kind == "distill")


def test_planes_have_settings_of_their_own() -> None:
    config = point(PLANE, "plane.norm=batch", "plane.margin=0.25")
    spec = list(plane_jobs(config))[-1].spec
    assert isinstance(spec, PlaneSpec)
    assert (spec.norm, spec.margin, spec.probe.samples.count, spec.probe.test_count) == (
        "batch",
        0.25,
        2000,
        2000,
    )
