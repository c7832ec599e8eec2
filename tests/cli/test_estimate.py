"""What a plan is said to take: room against the bytes of real students, time against sums by hand."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from randteach.cli import estimate
from randteach.config import overrides
from randteach.engine.context import Context
from randteach.engine.execute import execute
from randteach.identity.artifact import Artifact
from randteach.jobs import study
from randteach.jobs.job import Job
from randteach.kinds.cost import Cost
from randteach.kinds.distill import _cost
from randteach.specs import DistillSpec
from randteach.store.store import Store
from sweeps.init_distance import STUDY

SMALL = ["data.name=gaussian", "data.train_size=32", "distill.batch_size=16", "seed=0", "alpha=0"]


def plan(*pairs: str) -> list[Job]:
    return list(study.expand(STUDY, overrides.parse(STUDY.presets["mini"], pairs)).jobs)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store, threads = Store(tmp_path / "store"), torch.get_num_threads()
    store.prepare()
    yield store
    torch.set_num_threads(threads)  # jobs set them


@pytest.mark.parametrize(
    "shape",
    [
        [
            "net.width=16",
            "head.hidden_dims=[8]",
            "head.bottleneck_dim=8",
            "head.out_dim=16",
            "probe.at=[0,1]",
        ],
        ["net.width=4", "head.hidden_dims=[64,64]", "head.out_dim=2048", "probe.at=[]"],
        ["net.arch=vgg11", "data.size=32", "net.width=8", "head.bottleneck_dim=32", "probe.at=[0]"],
    ],
    ids=["encoder", "head", "vgg11"],
)
def test_room_is_that_of_a_real_student(store: Store, tmp_path: Path, shape: list[str]) -> None:
    student = plan(*SMALL, *shape, "distill.epochs=2")[0]
    execute(student, Context(store, tmp_path, tmp_path, "memory"))
    assert all(store.has(artifact) for artifact in student.artifacts)
    real = sum(path.stat().st_size for path in (store.root / "objects").rglob("*") if path.is_file())
    assert 0.7 * real < estimate.storage([student]) < 1.3 * real


def test_room_by_hand() -> None:
    jobs = plan()
    spec = jobs[0].spec
    assert isinstance(spec, DistillSpec)
    encoder, head = estimate.parameters(_cost(spec))
    # Linear layers 64-256-256-64 with biases, and 64-1024 without.
    assert head == 64 * 256 + 256 + 256 * 256 + 256 + 256 * 64 + 64 + 64 * 1024
    # Ten students: five snapshots, then moments of both and the head; rows and config of 156 artifacts.
    wanted = 10 * 4 * (5 * encoder + 2 * encoder + 3 * head) + 156 * 4096
    assert estimate.storage(jobs) == wanted
    assert estimate.storage([]) == 0
    more = estimate.storage(plan("probe.at=[0,1,2,3,5,10]"))
    assert more - wanted == 10 * (
        4 * encoder + 3 * 4096
    )  # a snapshot, its probe, and the measure beside that


def commit(store: Store, artifact: Artifact, seconds: float) -> None:
    assert store.commit(artifact, {}, status="ok", seconds=seconds, numerics="n")


def test_time_by_past_jobs(store: Store) -> None:
    """Students at two alphas with snapshots at 0, 79, 158, 395 and 790."""
    jobs = plan("seed=0", "alpha=0,1")
    one, two = (job for job in jobs if job.kind == "distill")
    probes = [job for job in jobs if job.kind == "probe"]
    assert estimate.past_seconds(jobs, jobs, store) is None
    for artifact, seconds in zip(one.artifacts, (10, 69, 79, 237, 395), strict=True):
        commit(store, artifact, seconds)  # a second a step
    assert estimate.past_seconds(jobs, [two], store) == pytest.approx(790)
    assert estimate.past_seconds(jobs, [two, *probes], store) is None  # no probe to go by
    commit(store, probes[0].artifacts[0], 3.0)
    commit(store, probes[1].artifacts[0], 5.0)
    rest = probes[2:]
    assert len(rest) == 10
    assert estimate.past_seconds(jobs, [two, *rest], store) == pytest.approx(790 + 10 * 4)
    for artifact, seconds in zip(two.artifacts[:3], (8, 229, 237), strict=True):
        commit(store, artifact, seconds)  # three a step, on the mean two; 790 - 158 are left
    assert estimate.past_seconds(jobs, [two, *rest], store) == pytest.approx(2 * 632 + 40)
    assert estimate.past_seconds(jobs, [], store) == 0


def test_time_by_past_jobs_of_the_same_network(store: Store) -> None:
    """And by all of the kind where there is none of it."""
    jobs = plan("seed=0", "alpha=0,1", "net.width=8,16,32", "distill.precision=fp32,bf16", "probe.at=[]")
    students = [job for job in jobs if job.kind == "distill"]
    like = {}
    for job in students:
        place = (job.labels["width"], job.labels["distill.precision"])
        like.setdefault(place, []).append(job)
    for place, seconds in (((8, "fp32"), 100.0), ((8, "bf16"), 60.0), ((16, "fp32"), 320.0)):
        commit(store, like[place][0].artifacts[-1], seconds)

    def told(*place: object) -> float | None:
        return estimate.past_seconds(jobs, [like[place][1]], store)

    assert told(8, "fp32") == pytest.approx(100) and told(8, "bf16") == pytest.approx(60)
    assert told(16, "fp32") == pytest.approx(320)
    assert told(16, "bf16") == told(32, "fp32") == pytest.approx(160)


def test_a_further_look_costs_the_way_there(store: Store) -> None:
    (before, *_), (after, *_) = plan(*SMALL[3:]), plan(*SMALL[3:], "probe.at=[0,1,2,3,5,10]")
    for artifact in before.artifacts:
        commit(store, artifact, 79.0)
    # 5 x 79 seconds over 790 steps; epoch 3 lies 79 steps behind epoch 2.
    assert estimate.past_seconds([after], [after], store) == pytest.approx(0.5 * 79)


def test_time_by_a_measured_step(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def step(cost: Cost, threads: int) -> float:
        asked.append((cost.net.width, threads))
        return {8: 0.5, 16: 2.0}[cost.net.width]

    monkeypatch.setattr(estimate, "_one_step", step)
    jobs = plan("net.width=8,16", "alpha=0,1")
    assert estimate.measured_seconds(jobs, 3) == 4 * 790 * 0.5 + 4 * 790 * 2.0
    assert asked == [(8, 3), (16, 3)]  # once a shape


def test_a_measured_step_is_one_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    clock = iter((1.0, 9.0, 20.0, 20.25))
    monkeypatch.setattr(estimate, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    student = plan(*SMALL, "head.out_dim=32", "distill.steps=8")[0]
    assert estimate.measured_seconds([student], threads) == 8 * 0.25  # the second step of two
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (69_300_000, "69.3 MB"),
        (2.5e9, "2.5 GB"),
        (4e15, "4000.0 TB"),
    ],
)
def test_sizes_for_people(count: float, text: str) -> None:
    assert estimate.size(count) == text


def test_operations_are_those_of_all_products() -> None:
    """Layers 16-8-8-8 and a head 8-4-3-5: forward, gradients of weights, and of inputs but the first."""
    student = plan(
        *SMALL,
        *("net.arch=mlp", "net.width=1", "data.size=4", "head.hidden_dims=[4]", "head.bottleneck_dim=3"),
        *("head.out_dim=5", "distill.epochs=3", "probe.at=[0]"),
    )[0]
    products = 16 * 8 + 8 * 8 + 8 * 8 + 8 * 4 + 4 * 3 + 3 * 5
    assert max(student.steps) == 6
    assert estimate.operations([student]) == 6 * 16 * 2 * (3 * products - 16 * 8)
