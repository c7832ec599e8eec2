"""Several sweeps on one store, machines that go, clocks that are wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.harness import Sweep, kill, wait_for
from tests.faults.test_places import tree

pytestmark = pytest.mark.slow
Tell = Callable[..., None]
Table = Callable[..., bytes]
STARTS = 20


def pair(folder: Path, clock: bool) -> tuple[Sweep, Sweep]:
    """Two sweeps with places of their own for all but the store; the second one's clock may be wrong."""
    one, two = Sweep(folder / "one"), Sweep(folder / "two")
    for sweep in (one, two):
        sweep.environment["RANDTEACH_STEPS"] = str(folder / "steps.txt")
    if clock:
        two.environment["RANDTEACH_CLOCK"] = "-3600"
    return one, two


def test_two_started_together_twenty_times(
    tmp_path: Path, undisturbed: Sweep, table_of: Table, injected: Tell
) -> None:
    """They share a store and half of their jobs: nothing is made twice, and both have all of it."""
    whole = Sweep(tmp_path / "whole")
    whole.count_steps()
    assert whole.run("alpha=0.3,0.6,0.9") == 0
    tables = {"one": undisturbed.results, "two": table_of("alpha=0.6,0.9")}
    for number in range(STARTS):
        one, two = pair(tmp_path / str(number), clock=bool(number % 2))
        store = ("--store", str(tmp_path / str(number) / "store"))
        started = [one.begin("--name", "one", *store), two.begin("--name", "two", "alpha=0.6,0.9", *store)]
        assert [one.end(started[0]), two.end(started[1])] == [0, 0], one.said + two.said
        injected("two sweeps started together on one store" + (", one clock an hour back" * (number % 2)))
        assert one.steps == whole.steps  # what both did, counted together: each step and probe once
        for sweep, (name, table) in zip((one, two), tables.items(), strict=True):
            found = (sweep.out / name / "results.csv").read_bytes()
            assert found.replace(name.encode() + b",", b"init_distance,") == table
        assert not list((tmp_path / str(number) / "store").glob("work/*"))


def test_a_job_of_another_study_shows_in_both(tmp_path: Path, undisturbed: Sweep) -> None:
    """In tables and in MLflow's trees, where it is tagged with the study that made it."""
    one, two = pair(tmp_path, clock=False)
    store = ("--store", str(tmp_path / "store"))
    assert one.run(*store) == 0, one.said
    assert two.run("--name", "other", *store) == 0, two.said
    assert "0 made, 18 cached" in two.said and max(one.steps.values()) == 1
    table = (two.out / "other" / "results.csv").read_bytes()
    assert one.results == undisturbed.results == table.replace(b"other,", b"init_distance,")
    ours, theirs = tree(one.out), tree(two.out, "other")
    assert ours == tree(undisturbed.out) and ours.keys() == theirs.keys()
    for key, (parent, status, tags, *rest) in theirs.items():
        if key != "sweep":
            assert tags.pop("reused") == "init_distance"
            assert (parent, status, tags, *rest) == ours[key]


def test_under_ray_one_waits_for_the_other(tmp_path: Path, undisturbed: Sweep, injected: Tell) -> None:
    one, two = pair(tmp_path, clock=True)
    store = ("--store", str(tmp_path / "store"))
    started = [sweep.begin(*store, ray=True) for sweep in (one, two)]
    assert [one.end(started[0]), two.end(started[1])] == [0, 0], one.said + two.said
    injected("two sweeps started together on one store, under Ray")
    assert max(one.steps.values()) == 1
    assert one.results == two.results == undisturbed.results


def test_a_dead_sweeps_jobs_are_taken_over(tmp_path: Path, table_of: Table, injected: Tell) -> None:
    """While the second one waits for what the first one makes, the first one is killed."""
    one, two = pair(tmp_path, clock=True)
    store = ("--store", str(tmp_path / "store"))
    first = one.begin(*store, "checkpoint_every=0.01", "distill.epochs=60")
    wait_for(lambda: list((tmp_path / "store").glob("work/*/*/*.json")), first)
    second = two.begin(*store, "distill.epochs=60")
    wait_for(lambda: len(list((tmp_path / "store").glob("sessions/*"))) == 2, second)
    kill(first)
    injected("the sweep that another waits for is killed, one clock an hour back")
    assert two.end(second) == 0, two.said
    assert two.results == table_of("distill.epochs=60")
    assert sum(count - 1 for count in two.steps.values()) <= 2


def test_a_ray_node_that_goes(sweep: Sweep, table_of: Table, injected: Tell) -> None:
    """The node on which downstream jobs run is removed, and another one comes."""
    from randteach.engine.ray.connection import SETTINGS

    environment = pytest.MonkeyPatch()
    for name, value in SETTINGS.items():
        environment.setenv(name, value)
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        node = cluster.add_node(num_cpus=2)
        process = sweep.begin("--address", cluster.address, "distill.epochs=30", ray=True)
        wait_for(lambda: list(sweep.store.glob("work/*/*/0*.json")), process)
        cluster.remove_node(node, allow_graceful=False)
        injected("removal of the Ray node that runs downstream jobs")
        cluster.add_node(num_cpus=2)
        assert sweep.end(process) == 0, sweep.said
    finally:
        cluster.shutdown()
        environment.undo()
    assert "its worker died" in sweep.said or "its node went" in sweep.said
    assert sweep.results == table_of("distill.epochs=30")
