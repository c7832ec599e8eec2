"""One job, made against a real store: what it commits, where it goes on from, and what is probed."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from loaders import DATASETS, changed, ffcv_available
from loaders.order import balanced, held_out
from randteach import identity
from randteach.config.overrides import parse
from randteach.config.schema import Slot
from randteach.engine import inputs, resume
from randteach.engine.context import Context
from randteach.engine.events import Committed, Event, Reported
from randteach.engine.execute import execute
from randteach.engine.recorder import JobRecorder
from randteach.environment import numerics
from randteach.errors import Postponed, Stopped
from randteach.identity.artifact import Artifact
from randteach.jobs.build import distill_job, probe_jobs, snapshot_probes, teacher_of
from randteach.jobs.job import Job
from randteach.jobs.resolve import resolve
from randteach.report import table
from randteach.specs import Logistic, Pixels
from randteach.stages.distill import Student
from randteach.stages.embed import embedded
from randteach.stages.logistic import logistic
from randteach.stages.probe import probe
from randteach.stages.recorder import Result
from randteach.stages.teacher import Teacher
from randteach.store.states import kept_steps
from randteach.store.store import Store
from tests.studies import Quiet

Made = tuple[Job, Context, list[Event]]
BASE = {"data.name": "mnist5k", "data.size": "16", "data.train_size": "300", "net.width": "4"}
BASE |= {"head.hidden_dims": "[32]", "head.bottleneck_dim": "16", "head.out_dim": "64", "alpha": "0.3"}
BASE |= {"distill.batch_size": "64", "distill.epochs": "2", "probe.at": "[0,1]", "probe.epochs": "2"}
BASE |= {"probe.train_size": "200", "probe.test_size": "100"}
CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")
needs_ffcv = pytest.mark.skipif(not ffcv_available(), reason="FFCV is not installed")


def opened(job: Job, context: Context) -> Any:
    """The inputs of a job, as its stage takes them."""
    recorder = JobRecorder(job, context)
    recorder.start()
    return inputs.JobInputs(job, set(), context, recorder)


def jobs(*pairs: str) -> tuple[Any, ...]:
    """A student, the probe of its last snapshot, of its teacher, and of the pixels."""
    config = resolve(next(parse(BASE, pairs).points()))
    student = distill_job(config)
    others = (probe_jobs(config, reference)[0] for reference in (teacher_of(config), Pixels()))
    return student, snapshot_probes(config, student)[-2], *others


def context_at(folder: Path, emit: Callable[[Event], object] = id, loader: str = "memory") -> Context:
    store = Store(folder / "store")
    store.prepare()
    return Context(store, Path("/none"), folder, loader, emit)


def test_a_jobs_folders_have_absolute_paths(tmp_path: Path) -> None:
    """A worker's current folder is another one than the driver's."""
    for root, cache in ((Path("data"), tmp_path), (tmp_path, Path("data"))):
        with pytest.raises(ValueError, match="absolute"):
            Context(Store(tmp_path), root, cache, "memory")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A student with snapshots at steps 0, 5 and 10, made once, and what was emitted."""
    events, job = list[Event](), jobs()[0]
    context = context_at(tmp_path_factory.mktemp("student"), events.append)
    execute(job, context)
    return job, context, events


def kept(context: Context, key: str) -> dict[Any, Any]:
    """Rows, and tensors as bytes, of all that a key has: these compare to the last bit."""
    store, found = context.store, dict[Any, Any]()
    for artifact in store.find(key):
        part = "state" if artifact.kind == "state" else "encoder"
        values = {name: (t.dtype, t.numpy().tobytes()) for name, t in store.weights(artifact, part).items()}
        found[artifact.kind, artifact.step] = (part == "state" or store.rows(artifact), values)
    return found


def knn_by_hand(function: nn.Module, train: Any, test: Any, ours: np.ndarray, theirs: np.ndarray) -> float:
    """Percent of `theirs` that the 20 nearest of `ours` vote right, on inputs normalised by hand."""
    features, labels = [], []
    for split, indices in ((train, ours), (test, theirs)):
        x = (split.images[indices].float() / 255 - split.mean[0]) / split.std[0]
        features.append(function(x).detach().flatten(1).double())
        labels.append(split.labels[indices])
    gaps = (features[1][:, None] - features[0]).square().sum(2)
    near = gaps.argsort(dim=1, stable=True)[:, :20].numpy()
    votes = [np.bincount(labels[0][row], minlength=10).argmax() for row in near]
    return 100 * float((votes == labels[1]).mean())


def shown(events: list[Event], kind: type) -> list[int]:
    found = [event for event in events if type(event) is kind]
    return [event.row["step"] if isinstance(event, Reported) else event.step for event in found]


def test_a_student_leaves_snapshots_and_what_made_them(made: Made) -> None:
    job, context, events = made
    (_, exact), store = numerics.set_up(1, 0), context.store
    assert [a.step for a in store.find(job.key)] == [0, 10, 5, 10]  # the last one is the state
    files = {"config.json", "metrics.jsonl", "provenance.json", "encoder.safetensors"}
    for step, artifact in zip((0, 5, 10), job.artifacts, strict=True):
        commit = store.commit_of(artifact)
        assert set(commit.files) == files and commit.status == "ok" and commit.numerics == exact.digest
        assert store.read(artifact, "config.json").decode() == identity.dumps(job.spec)
        assert [row["step"] for row in store.rows(artifact)] == list(range(0, step + 1, 5))
        provenance = store.json(artifact, "provenance")
        assert provenance["versions"]["torch"] in torch.__version__
        assert provenance["numerics"] == vars(exact) and provenance["loader"] == "memory"
    _, first, second = store.rows(job.artifacts[-1])
    shown_live = [event.row if isinstance(event, Reported) else event.step for event in events]
    assert shown_live == [0, first, 5, second, 10]
    assert [table.shape for table in context.features.values()] == [(4000, 16)]  # for the next student

    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    execute(job, context)  # does nothing
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before
    assert len(events) == len(shown_live)


def test_a_broken_run_keeps_what_was_whole(made: Made, tmp_path: Path) -> None:
    """Stopped by an error before its last snapshot, it is finished by the next call, bit for bit."""
    job, whole, _ = made

    def stop(event: Event) -> None:
        if isinstance(event, Reported) and event.row["step"] == 10:
            raise OSError("stop")

    broken = context_at(tmp_path, stop)
    with pytest.raises(OSError, match="stop"):
        execute(job, broken)
    assert [a.step for a in broken.store.find(job.key)] == [0, 5]
    assert len(list(broken.store.root.glob("objects/*/*/*/*"))) == 2  # nothing half written beside them
    execute(job, context_at(tmp_path))
    assert kept(broken, job.key) == kept(whole, job.key)


def test_a_training_that_went_on_elsewhere_names_both_parts(made: Made, tmp_path: Path) -> None:
    """From a snapshot, from a kept state, and back again: each machine and thread count once, in order."""
    job, context = made[0], context_at(tmp_path)
    here, there = (numerics.set_up(cpus, 0)[1].digest for cpus in (1, 2))
    execute(replace(job, steps={5: 1}), context)
    stopping = iter([False, True])
    elsewhere = replace(context, stop=lambda: next(stopping, True))
    with pytest.raises(Stopped):
        execute(replace(job, slot=Slot(2), steps={5: 1, 8: 1.6}), elsewhere)
    assert kept_steps(context.store, job.key) == [6]
    execute(replace(job, steps={5: 1, 8: 1.6, 10: 2}), context)
    found = [context.store.commit_of(a).numerics for a in context.store.find(job.key, "distill")]
    assert found == [f"{here}+{there}", here, f"{here}+{there}"]  # steps 10, 5, 8
    assert context.store.json(Artifact("distill", job.key, 8), "provenance")["numerics_before"] == found[0]
    assert numerics.parts(found) == {here, there}


def test_a_failed_probe_leaves_nothing(tmp_path: Path) -> None:
    context = context_at(tmp_path)
    _, orphan, _, pixels = jobs()
    with pytest.raises(Postponed, match="not in the store"):
        execute(orphan, context)
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="torch sees none"):
            execute(replace(pixels, slot=Slot(gpus=1.0)), context)
    assert not context.store.done("probe") and not list(context.store.root.glob("objects/*"))


def test_segments() -> None:
    assert resume.segments([], [5]) == []
    assert resume.segments([0, 5, 10], []) == [(0, [0, 5, 10])]
    assert resume.segments([3, 12], [5, 10]) == [(0, [3]), (10, [12])]
    assert resume.segments([3, 7, 12], [10]) == [(0, [3, 7]), (10, [12])]
    assert resume.segments([6, 8], [5]) == [(5, [6, 8])]
    # An unfinished attempt's state is good for later steps alone.
    assert resume.segments([6, 8], [5], [6, 7]) == [(5, [6]), (7, [8])]
    assert resume.segments([6, 8], [5, 7]) == [(5, [6]), (7, [8])]


@pytest.mark.parametrize("loader", ["memory", pytest.param("ffcv", marks=needs_ffcv)])
def test_a_snapshot_asked_for_later_is_the_same(loader: str, made: Made, tmp_path: Path) -> None:
    (job, whole, _), events = made, list[Event]()
    later, first = context_at(tmp_path, events.append, loader=loader), context_at(tmp_path / "first")
    execute(replace(job, steps={3: 0.6, 5: 1, 8: 1.6}), first)
    wanted: dict[int, float] = {}
    # (asked for, steps that it shows rows of, states kept afterwards)
    for steps, rows, states in (
        ([5], [5], [5]),
        ([3, 8], [3, 8], [3, 5, 8]),  # a part from the start and a part from step 5
        ([10], [10], [3, 5, 8, 10]),
        ([0], [], [3, 5, 8, 10]),
    ):
        events.clear()
        wanted |= dict.fromkeys(steps, 0.0)
        execute(replace(job, steps=wanted), later)
        assert shown(events, Reported) == rows and shown(events, Committed) == steps
        assert sorted(resume.kept_states(later.store, "distill", job.key)) == states
    found = kept(later, job.key)
    assert found | kept(first, job.key) | kept(whole, job.key) == found


def test_a_state_counts_with_its_snapshot_alone(tmp_path: Path) -> None:
    store, steps = context_at(tmp_path).store, {"state": (0, 5, 8), "distill": (0, 5, 9)}
    for artifact in [Artifact(kind, "ab" * 12, step) for kind in steps for step in steps[kind]]:
        store.commit(artifact, {"file": b""}, status="ok", seconds=0.0, numerics="")
    assert resume.kept_states(store, "distill", "ab" * 12) == [5]


def test_a_diverged_student_is_committed(tmp_path: Path) -> None:
    job, events = jobs("distill.lr=1e30")[0], list[Event]()
    context = context_at(tmp_path, events.append)
    execute(job, context)
    execute(job, context)
    store = context.store
    assert [store.commit_of(a).status for a in job.artifacts] == ["ok", "diverged", "diverged"]
    assert shown(events, Reported) == [5]  # it stops there, and is not tried again
    for artifact in job.artifacts[1:]:
        assert set(store.commit_of(artifact).files) == {"config.json", "metrics.jsonl", "provenance.json"}
        last = store.rows(artifact)[-1]
        assert last["diverged_at"] == 2 and last["loss"] is None  # JSON has no NaN
    assert not resume.kept_states(store, "distill", job.key)


@pytest.mark.parametrize("pairs", [(), ("probe.data=fashion_mnist",)], ids=["same set", "transfer"])
def test_probing_a_stored_snapshot_is_probing_the_student(pairs: tuple[str, ...], made: Made) -> None:
    student, job, _, _ = jobs(*pairs)
    context, spec = replace(made[1], emit=id), student.spec
    assert student.key == made[0].key and job.parents == (Artifact("distill", student.key, 10),)
    execute(job, context)
    (row,) = context.store.rows(job.artifacts[0])
    data: Any = inputs.open_samples(spec.samples, "train", context)
    indices = inputs.indices_of(data, spec.samples)
    live = Student(spec, Teacher(spec, data, indices, CPU, {}), data, indices, CPU)
    assert [live.advance(step, Quiet())["epoch"] for step in (5, 10)] == [1, 2]
    train, test = (inputs.open_samples(job.spec.samples, name, context) for name in ("train", "test"))
    ours, theirs = balanced(train.labels, 200), balanced(test.labels, 100)
    given, results = {"train": ours, "test": theirs, "val": ours[:0]}, list[Result]()
    record: Any = SimpleNamespace(row=id, result=results.append, pause=lambda state=None: None)
    probe(job.spec, live.encoder.eval(), train, test, given, CPU, record)
    assert [result.rows for result in results] == [[row]] and row["split"] == "test"
    assert row["knn"] == pytest.approx(knn_by_hand(live.encoder, train, test, ours, theirs))


def test_pixels_are_probed_as_the_network_sees_them_with_validation_apart(tmp_path: Path) -> None:
    context = context_at(tmp_path)
    student, _, _, job = jobs("probe.val_fraction=0.2", "data.train_size=3950")
    x = torch.rand(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    found = opened(job, context).encoder(job.spec.reference, job.spec.samples.size)(
        x.contiguous(memory_format=torch.channels_last)
    )
    assert torch.equal(found, x.reshape(3, 32))  # channels first, whatever the memory format
    train, test = (inputs.open_samples(job.spec.samples, name, context) for name in ("train", "test"))
    val = held_out(train.labels, 50)  # 200 / (1 - 0.2) - 200
    ours, learnt = (inputs.indices_of(train, made.spec.samples) for made in (job, student))
    assert np.array_equal(ours, balanced(train.labels, 200)) and len(learnt) == 3950
    assert not set(val) & {*ours, *learnt}
    execute(job, context)
    rows = {row["split"]: row["knn"] for row in context.store.rows(job.artifacts[0])}
    assert rows == {
        "val": pytest.approx(knn_by_hand(nn.Identity(), train, train, ours, val)),
        "test": pytest.approx(knn_by_hand(nn.Identity(), train, test, ours, balanced(test.labels, 100))),
    }


@pytest.mark.parametrize("norm", ["identity", "calibrated", "batch"])
def test_a_probed_teacher_is_the_one_that_was_copied(norm: str, tmp_path: Path) -> None:
    context = context_at(tmp_path)
    student, _, job, _ = jobs(f"distill.teacher_norm={norm}", "probe.data=fashion_mnist")
    data = inputs.open_samples(student.spec.samples, "train", context)
    teacher = Teacher(student.spec, data, inputs.indices_of(data, student.spec.samples), CPU, {})
    probed = opened(job, context).encoder(job.spec.reference, job.spec.samples.size)
    assert isinstance(probed, nn.Module) and not any(module.training for module in probed.modules())
    ours, theirs = probed.state_dict(), teacher.encoder.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert ("layers.1.running_mean" in ours) == (norm != "batch")


def test_a_measure_is_taken_of_the_probes_samples(tmp_path: Path) -> None:
    config = resolve(next(parse(BASE, ["probe.val_fraction=0.2"]).points()))
    probed, measured = probe_jobs(config, Pixels())
    context = context_at(tmp_path)
    seen: list[Any] = []
    context = replace(context, emit=seen.append)
    execute(measured, context)
    train, test, indices = opened(probed, context).labelled(probed.spec.samples, 100, None)
    features = embedded(partial(torch.flatten, start_dim=1), train, test, indices, CPU)
    assert [len(labels) for labels in features.labels.values()] == [200, 50, 100]
    expected = logistic(Logistic(), features, list)
    [artifact] = measured.artifacts
    assert context.store.rows(artifact) == [
        {"split": split, "logistic": expected[split]} for split in ("test", "val")
    ]
    assert context.store.commit_of(artifact).status == "ok"
    assert [event.row["split"] for event in seen if isinstance(event, Reported)] == ["test", "val"]


def test_a_measure_that_does_not_converge_has_a_status_and_no_number(tmp_path: Path) -> None:
    config = resolve(next(parse(BASE, []).points()))
    measured = probe_jobs(config, Pixels())[1]
    job = replace(measured, spec=replace(measured.spec, measure=Logistic(iterations=1)))
    context = context_at(tmp_path)
    execute(job, context)
    assert context.store.commit_of(job.artifacts[0]).status == "not converged"
    assert context.store.rows(job.artifacts[0]) == [{"split": "test", "logistic": None}]
    frame = table.build(context.store, "study", [job.entry], {})
    [row] = frame.to_dict("records")
    assert (row["measure"], row["status"], row["role"]) == ("logistic", "not converged", "input")
    assert math.isnan(row["value"])


@pytest.mark.parametrize("loader", ["memory", pytest.param("ffcv", marks=needs_ffcv)])
def test_probed_images_are_normalised_by_the_distilled_sets_statistics(tmp_path: Path, loader: str) -> None:
    context = context_at(tmp_path, loader=loader)
    means = {}
    for how in ("own", "distilled"):
        student, *probes = jobs("probe.data=fashion_mnist", f"probe.normalise={how}")
        assert len({job.spec.normalised_by for job in probes}) == 1
        teacher, raw = probes[1:]
        assert teacher.labels.get("dataset") == raw.labels.get("dataset") == {"distilled": "mnist5k"}.get(how)
        assert all((one, "train") in raw.spec.reads for one in [raw.spec.normalised_by] if one)
        about = (raw.spec.samples, raw.spec.test_count, raw.spec.normalised_by)
        train, test, _ = opened(raw, context).labelled(*about)
        assert (train.mean, train.std) == (test.mean, test.std)
        means[how] = (train.mean, train.std)
    source = inputs.open_samples(student.spec.samples, "train", context)
    target = inputs.open_samples(raw.spec.samples, "train", context)  # as it was before
    assert means == {"own": (target.mean, target.std), "distilled": (source.mean, source.std)}


def test_where_a_set_is_probed_on_itself_there_is_one_normalisation() -> None:
    keys = [[job.key for job in jobs(f"probe.normalise={how}")] for how in ("own", "distilled")]
    assert keys[0] == keys[1]


@pytest.mark.parametrize("name", ["shuffled_all", "phase"])
@pytest.mark.parametrize("loader", ["memory", pytest.param("ffcv", marks=needs_ffcv)])
def test_a_student_learns_from_inputs_made_of_images(tmp_path: Path, loader: str, name: str) -> None:
    """By whatever reader, from the images that a student of the set itself would learn from."""
    context = context_at(tmp_path, loader=loader)
    student = jobs(f"data.name={name}", "data.like=mnist5k")[0]
    images = jobs()[0].spec.samples
    assert student.spec.samples.of == images
    assert inputs.read([student]) == {(images, "train")}
    data, indices = opened(student, context).samples(student.spec.samples)
    plain = inputs.open_samples(images, "train", context_at(tmp_path))
    expected = changed(name, DATASETS[name].noise, plain, inputs.indices_of(plain, images), 0)
    assert indices.tolist() == list(range(300)) and torch.equal(data.images, expected.images)
    execute(student, context)
    assert context.store.has(student.artifacts[-1])
