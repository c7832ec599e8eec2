"""Find the kept state that a training goes on from, so that nothing is done twice."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from randteach.identity.artifact import Artifact
from randteach.jobs.job import Job
from randteach.stages.recorder import State
from randteach.store import states
from randteach.store.store import Store


def kept_states(store: Store, kind: str, key: str) -> list[int]:
    """Steps at which both a trajectory's snapshot and its state are committed, and hold something."""
    snapshots = [replace(state, kind=kind) for state in store.find(key, "state")]
    return [a.step for a in snapshots if a.step and store.has(a) and not store.diverged(a)]


def parts(
    store: Store, job: Job, steps: Iterable[int | None], start: int = 0
) -> Iterator[tuple[State | None, list[int]]]:
    """A trajectory's missing steps in parts, and the state that each goes on from; none at its `start`."""
    missing = sorted(step for step in steps if step is not None)
    committed, unfinished = kept_states(store, job.kind, job.key), states.kept_steps(store, job.key)
    for begin, reached in segments(missing, committed, unfinished, start):
        yield (resume(store, job.kind, job.key, begin) if begin > start else None), reached


def segments(
    missing: list[int], committed: list[int], unfinished: Sequence[int] = (), start: int = 0
) -> list[tuple[int, list[int]]]:
    """(step to begin at, steps to reach): each missing step from the nearest kept state before it.

    An unfinished attempt's state has no row of its own step, and so is only good for later ones.
    """
    found: list[tuple[int, list[int]]] = []
    for step in missing:
        begin = max((start, *(at for at in committed if at <= step), *(at for at in unfinished if at < step)))
        if found and begin <= found[-1][1][-1]:
            found[-1][1].append(step)
        else:
            found.append((begin, [step]))
    return found


def resume(store: Store, kind: str, key: str, step: int) -> State | None:
    """The state at a step, or the newest one before it that is whole."""
    committed = set(kept_states(store, kind, key))
    for at in sorted({at for at in {*committed, *states.kept_steps(store, key)} if at <= step}, reverse=True):
        if at in committed:
            snapshot = Artifact(kind, key, at)
            tensors = dict(store.weights(replace(snapshot, kind="state"), "state"))
            for file in store.commit_of(snapshot).files:
                part, _, ending = file.partition(".")
                if ending == "safetensors":
                    weights = store.weights(snapshot, part)
                    tensors |= {f"{part}.{name}": value for name, value in weights.items()}
            return State(at, store.rows(snapshot), tensors, store.commit_of(snapshot).numerics)
        if state := states.load(store, key, at):
            return state
    return None
