"""Files that are not what was written: noticed, set aside, made again, never used."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Sweep

pytestmark = pytest.mark.slow
Tell = Callable[..., None]
Table = Callable[..., bytes]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


DAMAGES: dict[str, Callable[[Path], None]] = {"a flipped byte": flip, "a truncation": cut}


def one_of_each(store: Path) -> Iterator[Path]:
    """Every file that artifacts have, each in another artifact."""
    seen: set[str] = set()
    used: set[tuple[str, str]] = set()
    patterns = [f"objects/{kind}/*/*/*/*" for kind in ("distill", "state", "probe", "measure")]
    for path in [path for pattern in [*patterns, "done/*/*/*.json"] for path in sorted(store.glob(pattern))]:
        parts = path.relative_to(store).parts
        name = path.stem if parts[0] == "done" else parts[3]
        what = f"{parts[1]} {'commit' if parts[0] == 'done' else path.name}"
        if what not in seen and (parts[1], name) not in used:
            seen.add(what)
            used.add((parts[1], name))
            yield path


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_of_an_artifact(damage: str, sweep: Sweep, undisturbed: Sweep, injected: Tell) -> None:
    assert sweep.run() == 0, sweep.said
    found = list(one_of_each(sweep.store))
    # config, metrics, provenance and encoder, the state, three files of probe and measure, and four commits
    assert len(found) == 15
    for path in found:
        DAMAGES[damage](path)
        injected(f"{damage} in {'a commit' if 'done' in path.parts else path.name}")
    assert sweep.command("verify") == 1
    assert sweep.said.count("damaged: ") == 15 and "15 damaged" in sweep.said
    for path in found:
        assert str(path) in sweep.said
    before = {path: path.read_bytes() for path in sweep.store.rglob("*") if path.is_file()}
    assert before == {path: path.read_bytes() for path in sweep.store.rglob("*") if path.is_file()}
    assert sweep.command("verify", "--set-aside") == 1
    assert sweep.command("verify") == 0, sweep.said
    assert sweep.run() == 0, sweep.said
    assert sweep.results == undisturbed.results
    assert sweep.command("verify") == 0, sweep.said
    assert len(list(sweep.store.glob("aside/*/*/*.json"))) == 11
    assert sweep.command("gc", "--yes") == 0 and not list(sweep.store.glob("aside/*/*"))


@pytest.mark.parametrize("ray", [False, True], ids=["local", "ray"])
def test_a_start_repairs_what_it_reads(
    ray: bool, sweep: Sweep, undisturbed: Sweep, table_of: Table, injected: Tell
) -> None:
    """The table's files at once; a student's weights when a probe, or a longer training, needs them."""
    assert sweep.run() == 0, sweep.said
    for kind in ("probe/*/*", "distill/*/*@32"):
        flip(next(sweep.store.glob(f"objects/{kind}/*/metrics.jsonl")))
        cut(list(sweep.store.glob(f"objects/{kind}/*/config.json"))[-1])
    flip(next(sweep.store.glob("done/probe/*/*.json")))
    injected("damage that a start repairs", 5)
    assert sweep.run(ray=ray) == 0, sweep.said
    assert "set aside, to be made again" in sweep.said
    assert sweep.results == undisturbed.results
    assert sweep.command("verify") == 0, sweep.said

    for path in sweep.store.glob("objects/distill/*/*@32/*/encoder.safetensors"):
        flip(path)
        injected("damage that a start repairs")
    for path in sweep.store.glob("objects/state/*/*/*/state.safetensors"):
        cut(path)
        injected("damage that a start repairs")
    more = ("probe.neighbours=10", "distill.epochs=6")
    assert sweep.run(*more, ray=ray) == 0, sweep.said
    assert "set aside, to be made again" in sweep.said
    assert sweep.results == table_of(*more)


def test_a_torn_state_is_not_gone_on_from(sweep: Sweep, undisturbed: Sweep, injected: Tell) -> None:
    """The newest state of a stopped training is damaged, then both are."""
    for count in (1, 2):
        sweep.fault("step", 5 * count)
        sweep.run()
        states = sorted(sweep.store.glob("work/*/*/*.safetensors"))
        assert len(states) == 2  # bounded, whatever checkpoint_every is
        for path in states[-count:]:
            flip(path)
            injected("a flipped byte in a training's state")
    del sweep.environment["RANDTEACH_FAULT"]
    assert sweep.run() == 0, sweep.said
    assert sweep.results == undisturbed.results
