"""SIGKILL of whatever runs, at any point: the study ends as if nothing had been."""

import random
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.harness import Sweep, kill, processes_of, wait_for

pytestmark = pytest.mark.slow
Tell = Callable[..., None]
# (name of the point, which time it is passed) in the order of a job's life
POINTS = [
    ("step", 5),
    ("state", 3),
    ("files", 4),
    ("flushed", 2),
    ("commit", 3),
    ("linked", 1),
    ("committed", 2),
]


@pytest.mark.parametrize(("at", "number"), POINTS, ids=[name for name, _ in POINTS])
def test_a_process_killed_at_each_point(
    at: str, number: int, sweep: Sweep, undisturbed: Sweep, injected: Tell
) -> None:
    """In the process itself: the next start goes on, and clears what is left."""
    flag = sweep.fault(at, number)
    assert sweep.run() == -signal.SIGKILL
    assert flag.exists()
    injected(f"SIGKILL of a sweep in its process: {at}")
    assert sweep.run() == 0, sweep.said
    assert sweep.results == undisturbed.results
    assert sweep.one_attempt_each()
    assert sweep.command("verify") == 0, sweep.said


@pytest.mark.parametrize("at", ["step", "state", "linked"])
def test_a_worker_killed_under_ray(at: str, sweep: Sweep, undisturbed: Sweep, injected: Tell) -> None:
    """The job is made again by another worker, in the same start."""
    flag = sweep.fault(at, 3)
    assert sweep.run(ray=True) == 0, sweep.said
    assert flag.exists() and "its worker died" in sweep.said
    injected(f"SIGKILL of a Ray worker: {at}")
    assert sweep.results == undisturbed.results
    assert sweep.one_attempt_each()


def test_the_driver_killed_takes_its_workers_along(sweep: Sweep, undisturbed: Sweep, injected: Tell) -> None:
    process = sweep.begin(ray=True)
    wait_for(lambda: list(sweep.store.glob("work/*/*/log.txt")), process)
    kill(process)
    injected("SIGKILL of the driver")
    wait_for(lambda: not processes_of(sweep.out))
    assert sweep.command("status") == 0
    assert "died" in sweep.said
    assert sweep.run(ray=True) == 0, sweep.said
    assert sweep.results == undisturbed.results
    assert sweep.one_attempt_each()


def test_killed_at_twenty_random_moments(sweep: Sweep, tmp_path: Path, injected: Tell) -> None:
    """Each start is killed with all that it started, at a moment drawn at random."""
    whole = Sweep(tmp_path / "whole")
    whole.count_steps()
    sweep.count_steps()
    longer = "distill.epochs=150"
    assert whole.run(longer) == 0, whole.said
    kills = 20
    kill_at_random(sweep, (longer,), kills, random.Random(0), 0, 15)
    injected("SIGKILL of a sweep at a random moment", kills)
    assert sweep.run(longer) == 0, sweep.said
    assert sweep.results == whole.results
    # Work done twice: what a kill took since the last kept state, of each of two jobs at a time.
    again = sum(sweep.steps.values()) - sum(whole.steps.values())
    assert set(sweep.steps) == set(whole.steps) and 0 <= again <= kills * 2 * 2
    assert sweep.command("verify") == 0, sweep.said


def test_downstream_jobs_killed_at_random_moments(sweep: Sweep, tmp_path: Path, injected: Tell) -> None:
    """Supervised trainings, masks and lines below students, killed half in the process, half under Ray."""
    below = ("downstream=[probe,tickets,connect]", "rounds=2", "tickets.rewind=[1]", "connect.children=2")
    below += ("train.epochs=100", "train.milestones=[50]", "connect.points=5", "checkpoint_every=0.3")
    whole = Sweep(tmp_path / "whole")
    assert whole.run(*below) == 0, whole.said
    kills = 6
    kill_at_random(sweep, below, kills, random.Random(1), 4, 16)
    injected("SIGKILL of a sweep with downstream jobs at a random moment", kills)
    assert sweep.run(*below) == 0, sweep.said
    assert sweep.results == whole.results
    assert sweep.command("verify") == 0, sweep.said
    assert sweep.command("gc", "--yes") == 0, sweep.said  # a claim, where a job was made and not yet released
    assert sweep.one_attempt_each()


def kill_at_random(
    sweep: Sweep, args: tuple[str, ...], times: int, draw: random.Random, soonest: float, latest: float
) -> None:
    """Kill so many starts, half of them under Ray, each with all that it started, after some seconds."""
    for number in range(times):
        process = sweep.begin(*args, ray=bool(number % 2))
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(soonest, latest))
        assert process.poll() is None, f"it was through before it was killed {times} times"
        kill(process)
        wait_for(lambda: not processes_of(sweep.out))


@pytest.mark.parametrize("ray", [False, True], ids=["local", "ray"])
def test_ctrl_c_once_keeps_states_and_twice_ends_at_once(
    ray: bool, sweep: Sweep, undisturbed: Sweep, injected: Tell
) -> None:
    long = ("distill.epochs=3000", "checkpoint_every=0")
    trains = "step 8  epoch 1 "
    process = sweep.begin(*long, ray=ray)
    wait_for(lambda: any(trains in text for text in logs(sweep)), process)
    process.send_signal(signal.SIGINT)
    assert sweep.end(process) == 130, sweep.said
    assert "go on with: " in sweep.said and long[0] in sweep.said
    kept = len(list(sweep.store.glob("work/*/*/*.safetensors")))
    assert kept == (2 if ray else 1)  # as many as ran
    wait_for(lambda: not processes_of(sweep.out))

    process = sweep.begin(*long, ray=ray)
    wait_for(lambda: any("going on from step " in text for text in logs(sweep)), process)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: "stopped by Ctrl-C" in (sweep.out / "said.txt").read_text())
    process.send_signal(signal.SIGINT)
    assert sweep.end(process) == 130, sweep.said
    wait_for(lambda: not processes_of(sweep.out))
    injected("Ctrl-C, once and twice", 2)
    assert sweep.run(ray=ray) == 0, sweep.said
    assert sweep.results == undisturbed.results


def test_sigterm_while_ray_starts_is_a_stop_like_any_other(sweep: Sweep, injected: Tell) -> None:
    process = sweep.begin(ray=True)
    wait_for(lambda: any("gcs_server" in command_of(pid) for pid in processes_of(sweep.out)), process)
    process.send_signal(signal.SIGTERM)
    injected("SIGTERM while Ray starts")
    assert sweep.end(process) == 130, sweep.said
    assert "stopped by SIGTERM: running jobs keep their states and end" in sweep.said
    assert "10 not made" in sweep.said and "go on with: " in sweep.said
    wait_for(lambda: not processes_of(sweep.out))


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def logs(sweep: Sweep) -> list[str]:
    return [path.read_text() for path in sweep.store.glob("work/*/*/log.txt")]
