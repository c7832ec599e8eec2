"""One job, made against a real store: what it commits, what it leaves out, and where it goes on from."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from loaders import open_split
from loaders.order import balanced, held_out
from randteach import identity, nets, numerics
from randteach.config import Config
from randteach.engine.execute import Context, Event, _segments, encoder_of, execute, kept_states
from randteach.overrides import parse
from randteach.records import Artifact, Job, Pixels, ProbeSpec, Snapshot
from randteach.resolve import resolve
from randteach.stages.probe import probe
from randteach.stages.recorder import Result, Row
from randteach.store import Store, tensors
from randteach.study import distill_job, probe_job, snapshot_probes, teacher_of

BASE = {"data.name": "mnist5k", "data.size": "16", "data.train_size": "300", "net.width": "4"}
BASE |= {"head.hidden_dims": "[32]", "head.bottleneck_dim": "16", "head.out_dim": "64", "alpha": "0.3"}
BASE |= {"distill.batch_size": "64", "distill.epochs": "2", "probe.at": "[0,1]", "probe.epochs": "2"}
BASE |= {"probe.train_size": "200", "probe.test_size": "100"}
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def threads_kept() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def config_of(*pairs: str) -> Config:
    axes = parse(BASE, pairs)
    return resolve(next(axes.points()), axes.typed)


def context(folder: Path, emit: Callable[[Event], None] = lambda event: None) -> Context:
    store = Store(folder / "store")
    store.prepare()
    return Context(store, folder, folder / "cache", "memory", emit)


def content(store: Store, artifact: Artifact) -> tuple[list[Row], dict[str, torch.Tensor]]:
    """Rows and all tensors of an artifact."""
    named = {}
    for file in store.marker(artifact).files:
        if file.endswith(".safetensors"):
            part = file.removesuffix(".safetensors")
            named |= {f"{part}.{name}": value for name, value in store.weights(artifact, part).items()}
    return store.rows(artifact) if artifact.kind != "state" else [], named


def assert_same(one: Store, other: Store, artifact: Artifact) -> None:
    (rows, named), (expected_rows, expected) = content(one, artifact), content(other, artifact)
    assert rows == expected_rows
    assert named.keys() == expected.keys() and len(named)
    assert all(torch.equal(named[name], expected[name]) for name in named)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Job, Context, list[Event]]:
    """A student with snapshots at steps 0, 5 and 10, made once."""
    config, events = config_of(), list[Event]()
    job, made = distill_job(config), context(tmp_path_factory.mktemp("student"), events.append)
    execute(job, made)
    return config, job, made, events


def test_a_student_leaves_snapshots_with_all_that_made_them(student: tuple) -> None:
    ...
