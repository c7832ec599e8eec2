"""Interleaved timing: A B A B ..., so that a machine whose speed drifts slows both alike."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import torch

Seconds = dict[str, list[float]]


def interleaved(actions: Mapping[str, Callable[[], object]], rounds: int) -> Seconds:
    """Seconds of each action in each round, all of them in turn; one round more, uncounted, first."""
    seconds: Seconds = {name: [] for name in actions}
    for number in range(rounds + 1):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            if number:
                seconds[name].append(time.perf_counter() - began)
    return seconds


@contextmanager
def elsewhere(make: Callable[[], Callable[[], object]]) -> Iterator[Callable[[], object]]:
    """The action that `make` gives, in a process of its own, where no other's settings reach it."""
    spawn = get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(make, there), daemon=True)
    process.start()
    there.close()

    def action() -> None:
        here.send(None)
        here.recv()

    try:
        yield action
    finally:
        process.terminate()
        process.join()


def _serve(make: Callable[[], Callable[[], object]], calls: Connection) -> None:
    action = make()
    while True:
        calls.recv()
        action()
        calls.send(None)


def ratio(slow: list[float], fast: list[float]) -> str:
    """How many times as fast, round by round: median (lowest to highest)."""
    ratios = [one / other for one, other in zip(slow, fast, strict=True)]
    return f"{median(ratios):7.2f} x  ({min(ratios):.2f} to {max(ratios):.2f})"


def rate(count: float, seconds: list[float]) -> float:
    """A second's worth, at the median."""
    return count / median(seconds)


def machine() -> str:
    """Hardware and versions, to stand beside the numbers."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = f"{models[0] if models else platform.processor()}, {torch.get_num_threads()} threads"
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{cpu}, {capability}; torch {torch.__version__}, Python {platform.python_version()}"
