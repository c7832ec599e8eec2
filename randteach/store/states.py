"""States that unfinished attempts have kept, from which a training goes on.

work/KEY/ATTEMPT/STEP.safetensors   a training's state
work/KEY/ATTEMPT/STEP.json          its record: size, checksum and rows; it counts once this is there
"""

import hashlib
import re
from contextlib import suppress
from pathlib import PurePath

import safetensors
import safetensors.torch

from randteach.identity import names, plain
from randteach.stages.recorder import State
from randteach.storage import SMALL, Storage
from randteach.store.commits import sealed, unsealed
from randteach.store.store import Store, tensors

KEPT = 2  # states of a job: the newest, and the one before in case that one is not whole
RECORD = re.compile(rf"{names.WORK}/[0-9]{{12,18}}\.json")


def write(storage: Storage, key: str, folder: str, state: State) -> None:
    """Write an attempt's state, which lasts before its record counts; if not, OSError and nothing left.

    Of a step that the attempt has kept before, the state is the same again, and stays as it is.
    """
    content, name = tensors(state.tensors), f"{folder}/{state.step:012d}"
    about = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "rows": state.rows}
    about |= {"numerics": state.numerics}
    if _read(storage, f"{name}.json"):
        return
    drop(storage, [f"{name}.json"])  # of one that is not whole
    try:
        storage.write(f"{name}.safetensors", content)
        for place in (folder, f"work/{key}", "work"):
            storage.flush(place)
        storage.create(f"{name}.json", sealed(about))
    except OSError:
        drop(storage, [f"{name}.json"])
        raise


def tidy(storage: Storage, key: str, folder: str, step: int) -> None:
    """Remove the states that one at a step makes needless: its attempt's older ones, and others'."""
    found = records(storage, key)
    mine = [path for path in found if path.startswith(f"{folder}/")]
    others = [path for path in found if path not in mine and step_of(path) <= step]
    drop(storage, [*mine[KEPT:], *others])


def drop(storage: Storage, found: list[str]) -> None:
    """Remove states, their records first."""
    with suppress(OSError):
        for ending in (".json", ".safetensors"):
            storage.remove(*(path.removesuffix(".json") + ending for path in found))


def kept_steps(store: Store, key: str) -> list[int]:
    """Steps at which unfinished attempts have left a state."""
    return sorted({step_of(path) for path in records(store.storage, key)})


def load(store: Store, key: str, step: int) -> State | None:
    """The state at a step; None where it is not whole any more."""
    found = (_read(store.storage, path) for path in records(store.storage, key) if step_of(path) == step)
    return next((state for state in found if state), None)


def records(storage: Storage, key: str) -> list[str]:
    """The states' records, the newest first."""
    found = [f"work/{key}/{name}" for name in storage.walk(f"work/{key}", 2) if RECORD.fullmatch(name)]
    return sorted(found, key=step_of, reverse=True)


def step_of(record: str) -> int:
    """The step of a state's record."""
    return int(PurePath(record).stem)


def _read(storage: Storage, record: str) -> State | None:
    """The state of a record; None where it is not whole."""
    try:
        about = unsealed(storage.read(record, SMALL), finite=False)
        size, rows = about["size"], about["rows"]
        if not plain.is_count(size) or not isinstance(rows, list):
            return None
        content = storage.read(record.removesuffix(".json") + ".safetensors", size)
        if len(content) != size or hashlib.sha256(content).hexdigest() != about["sha256"]:
            return None
        numerics = about.get("numerics")  # older records have none
        kept = safetensors.torch.load(content)
        return State(step_of(record), rows, kept, numerics if isinstance(numerics, str) else "")
    except (OSError, ValueError, KeyError, safetensors.SafetensorError):
        return None
