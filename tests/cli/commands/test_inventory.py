"""What a store holds: listed, filtered by any setting, shown; and keys that are none or several."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from randteach.jobs.fields import FILTERS
from randteach.jobs.job import Job
from randteach.specs import DistillSpec, Draw
from randteach.store import plans
from randteach.store.artifacts import folder
from randteach.store.lookup import Lookup, made
from randteach.store.store import Store
from tests.artifacts import commit
from tests.cli.commands.conftest import Command, planned


def rows(printed: str) -> list[str]:
    return printed.splitlines()[1:-1]


def test_all_that_is_made_is_listed(command: Command) -> None:
    printed = command("ls")
    assert len(rows(printed)) == 18 and printed.endswith("18 jobs\n")
    for job in planned().jobs:
        (line,) = (line for line in rows(printed) if line.startswith(job.key[:12]))
        if job.kind == "distill":
            assert "0,4,8" in line and f"alpha {job.labels['alpha']:g} seed 0" in line


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["alpha=0.3"], 7),
        (["alpha=0.30"], 7),
        (["alpha=0.3,0.6"], 14),
        (["alpha=3e-1", "seed=0"], 7),
        (["net.width=4"], 16),  # the pixels have none
        (["net.width=4", "alpha=0.9"], 0),
        (["probe.data=mnist5k"], 16),
        (["data.train_size=500", "head.hidden_dims=[32]"], 14),
        (["distill.lr=0.001", "distill.teacher_norm=identity", "seeds.order=0"], 14),
        (["seeds.teacher=0"], 16),
        (["variance_preserving=false"], 0),
    ],
    ids=str,
)
def test_filters_by_settings(filters: list[str], count: int, command: Command) -> None:
    assert command("ls", *filters).splitlines()[-1] == f"{count} jobs"


def test_a_filter_that_fits_none_names_what_is_there(command: Command) -> None:
    text = "alpha=0: no job has it; there is 0.3, 0.6\n0 jobs\n"
    assert command("ls", "alpha=0").endswith(text)
    assert "head.hidden_dims=[33]: no job has it; there is [32]\n" in command("ls", "head.hidden_dims=[33]")
    assert "tickets.fraction=0.5: no job has this setting\n" in command("ls", "tickets.fraction=0.5")
    assert "no job has" not in command("ls", "alpha=0.3,0.7")


def test_a_study_is_a_filter(command: Command, store: Store) -> None:
    plans.record(store, planned("alpha=0.6", name="other"), "", {})
    assert command("ls", "--study", "other").endswith("11 jobs\n")
    assert command("ls", "--study", "other", "alpha=0.3").endswith("0 jobs\n")
    assert "no study 'none'; it has other, small" in command("ls", "--study", "none", code=2)


def test_every_filter_is_a_setting_that_a_record_keeps(store: Store) -> None:
    """And what a record keeps is what was planned."""
    jobs, found = {job.key: job for job in planned().jobs}, set[str]()
    for key, artifacts in made(store).items():
        known = Lookup(store).job(artifacts[-1])
        found |= set(known.settings)
        assert known.entry.kind == jobs[key].kind and known.entry.parents == jobs[key].parents
        assert known.config == json.loads(store.read(artifacts[-1], "config.json"))
    trials = (
        "train.",
        "tickets.",
        "connect.",
        "plane.",
        "seeds.train",
        "seeds.noise",
        "data.like",
    )  # tests/engine/test_downstream.py, and random inputs
    assert found <= FILTERS and {name for name in FILTERS - found if not name.startswith(trials)} == set()


def test_what_is_no_filter(command: Command) -> None:
    assert "foo: no such setting" in command("ls", "foo=1", code=2)
    assert "alpha=x: takes a value of type float" in command("ls", "alpha=x", code=2)
    assert "loader: decides nothing that a result keeps" in command("ls", "loader=ffcv", code=2)


def test_a_student_is_shown_with_all_that_belongs_to_it(command: Command, store: Store) -> None:
    student = next(job for job in planned().jobs if job.kind == "distill")
    printed = command("show", student.key[:6])
    assert f"{student.key} (distill, revision 1)" in printed
    assert "studies     small" in printed and "step 8: ok" in printed and "state       step 8" in printed
    assert printed.count("converged probe of student") == 3 and printed.count("probe of student") == 6
    assert ": made" in printed
    assert "distill.lr = 0.001" in printed and "versions.torch = " in printed
    last = store.rows(student.artifacts[-1])[-1]
    assert f"loss {last['loss']}" in printed
    probe = next(job for job in planned().jobs if job.parents)
    assert f"{student.key[:12]} student" in command("show", probe.key)


def test_a_planned_job_is_shown_before_it_is_made(command: Command, store: Store) -> None:
    plans.record(store, planned("alpha=0.9", name="other"), "", {})
    later = next(job for job in planned("alpha=0.9").jobs if job.kind == "distill")
    assert "not made yet" in command("show", later.key[:10])
    assert "no log" in command("logs", later.key[:10])


def test_a_result_of_a_seed_that_is_refused_now_is_still_read(command: Command, store: Store) -> None:
    large = 2**63 - 25
    job = next(job for job in planned().jobs if job.kind == "distill")
    assert isinstance(job.spec, DistillSpec) and isinstance(job.spec.teacher, Draw)
    teacher = replace(job.spec.teacher, seed=large)
    spec = replace(job.spec, seed_student=large, seed_order=large, teacher=teacher)
    older = Job("distill", spec, {0: 0}, labels={**job.labels, "seed": large})
    commit(store, older, [{"step": 0, "epoch": 0, "loss": 1.0}], step=0)
    assert f"seed {large}" in command("ls", f"seed={large}") and f"seed {large}" in command("show", older.key)
    assert f"seed_order = {large}" in command("show", older.key)


def test_a_job_tells_how_it_was_made(command: Command) -> None:
    student = next(job for job in planned().jobs if job.kind == "distill")
    printed = command("logs", student.key[:8])
    assert re.search(r"student resnet18 .* cpu", printed) and "step 8  epoch 2" in printed


@pytest.mark.parametrize("action", ["show", "logs"])
def test_keys_that_are_none_or_several(action: str, command: Command) -> None:
    keys = sorted(job.key for job in planned().jobs)
    free = next(f"{n:02x}" for n in range(256) if not any(key.startswith(f"{n:02x}") for key in keys))
    assert f"{free}: no key in " in command(action, free, code=2)
    for word in ("a", "xyz", "../..", "*", "", "[ab]"):
        assert "is no key: give two or more" in command(action, word, code=2)


def test_several_keys_that_begin_alike(command: Command, store: Store) -> None:
    key = planned().jobs[0].key
    other = key[:5] + ("0" if key[5] != "0" else "1") + key[6:]
    (store.root / "failed").mkdir()
    (store.root / "failed" / f"{other}.json").write_text("{}")
    printed = command("show", key[:5], code=2)
    assert f"{key[:5]}: 2 keys begin so: " in printed and key in printed and other in printed
    assert key in command("show", key[:6])


def test_a_damaged_job_is_named_and_not_shown(command: Command, store: Store) -> None:
    job = next(job for job in planned().jobs if job.labels["role"] == "input")
    path = next((store.root / folder(job.artifacts[-1])).glob("*/config.json"))
    path.write_bytes(path.read_bytes().replace(b"0.001", b"0.002"))
    assert f"{path}: its content is not what was written" in command("show", job.key, code=2)
    printed = command("ls", code=1)
    assert f"damaged: {path}" in printed and printed.endswith("17 jobs, 1 damaged\n")


def test_where_there_is_no_store(command: Command, tmp_path: Path) -> None:
    for argv in (["ls"], ["show", "ab"], ["status"], ["verify"], ["gc"], ["track"], ["logs", "ab"]):
        assert "there is no store" in command(*argv, code=2, at=tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with_store = ["ls", "--store", "ftp://x/y"]
    assert "a folder, s3://BUCKET/PATH or gs://BUCKET/PATH can be a store" in command(*with_store, code=2)
