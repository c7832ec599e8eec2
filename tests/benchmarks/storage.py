"""What a store takes: time in a folder; at an object store requests, which cost money and take time."""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from randteach.engine import execute
from randteach.engine.context import Context
from randteach.engine.queue import DONE, Queue
from randteach.identity.artifact import Artifact
from randteach.kinds import KINDS
from randteach.store import work
from randteach.store.session import Session, Sessions
from randteach.store.store import Store
from tests import buckets, standin

COUNT = 1000  # commits, on a folder
FEWER = 200  # on moto's server, which is a test's, and slow
FILES = {"config.json": b"{}", "metrics.jsonl": bytes(500), "provenance.json": bytes(2000)}


def run() -> None:
    """Print operations a second of both kinds of store, and requests by operation of one in a bucket."""
    with tempfile.TemporaryDirectory() as place:
        print(f"A folder in {place}, {COUNT:,} artifacts of three small files")
        _rates(Store(place), COUNT)
    with (
        tempfile.TemporaryDirectory() as place,
        buckets.server() as address,
        buckets.Proxy(address) as proxy,
    ):
        os.environ.update(buckets.environment(address, Path(place)))
        print(f"moto {version('moto')} on loopback by s3fs {version('s3fs')}, {FEWER} artifacts")
        _rates(Store(f"s3://{buckets.BUCKET}/rates"), FEWER)
        os.environ["AWS_ENDPOINT_URL"] = proxy.address
        _requests(Store(f"s3://{buckets.BUCKET}/requests"), proxy.seen)


def _rates(store: Store, count: int) -> None:
    store.prepare()
    artifacts = [Artifact("probe", f"{number * 7919 % 2**32:08x}".ljust(24, "0")) for number in range(count)]
    for name, action in {
        "commits": lambda: [_commit(store, artifact) for artifact in artifacts],
        "looks whether one is made": lambda: [store.has(artifact) for artifact in artifacts],
        "commits read": lambda: [store.commit_of(artifact) for artifact in artifacts],
        "listed": lambda: store.done("probe"),
    }.items():
        began = time.perf_counter()
        action()
        print(f"  {name:26} {count / (time.perf_counter() - began):10,.0f} a second", flush=True)


def _commit(store: Store, artifact: Artifact, more: Mapping[str, bytes] = MappingProxyType({})) -> None:
    assert store.commit(artifact, {**FILES, **more}, status="ok", seconds=1.0, numerics="n")


def _requests(store: Store, seen: Counter[str]) -> None:
    print("  requests at a bucket, by operation")

    def counted(name: str, action: Callable[[], object], each: int = 1) -> None:
        seen.clear()
        action()
        by_method = ", ".join(f"{count / each:g} {method}" for method, count in sorted(seen.items()))
        print(f"  {name:26} {sum(seen.values()) / each:6.1f}   ({by_method})", flush=True)

    store.prepare()
    artifact = Artifact("probe", "a" * 24)
    counted("commit of three files", lambda: _commit(store, artifact))
    counted("look whether it is made", lambda: store.has(artifact))
    counted("a file read first", lambda: store.read(artifact, "metrics.jsonl"))
    counted("a file read again", lambda: store.read(artifact, "metrics.jsonl"))
    counted("list of a kind", lambda: store.done("probe"))
    snapshot, weights = Artifact("distill", "b" * 24, 1), {"encoder.safetensors": bytes(5000)}
    counted("a student's snapshot", lambda: (_commit(store, snapshot, weights), store.diverged(snapshot)))
    jobs = [standin.probe(number) for number in range(20)]
    with Session(store, {"study": "benchmark"}) as session:
        time.sleep(1)  # its first heartbeat is written; the next one comes in ten seconds
        claims = work.Claims(store, session.token, Sessions(store))
        context = Context(store, Path("/none"), Path("/none"), "memory", session=session.token)
        counted("claim and release", lambda: (claims.take(jobs[0]), claims.release(jobs[0].key)))
        queue = Queue(jobs, store, lambda event: work.forget_failure(store, event.key), claims)
        by_workers: Counter[str] = Counter()
        counted("a job without training", lambda: _make(queue, context, seen, by_workers), len(jobs))
        driver = (seen - by_workers).total() / len(jobs)
        print(f"  of which by the driver     {driver:6.1f}   (one after the other, between trials)")


def _make(queue: Queue, context: Context, seen: Counter[str], by_workers: Counter[str]) -> None:
    def nothing(spec: Any, inputs: Any, recorder: Any) -> None:
        inputs.ready()
        recorder.result(standin.result())

    kinds = [replace(kind, stage=nothing) for kind in KINDS.values()]
    before = dict(KINDS._found)
    KINDS._found = {kind.name: kind for kind in kinds}
    try:
        while job := queue.next():
            asked = Counter(seen)
            outcome = execute.attempt(job, context)
            by_workers += seen - asked
            assert outcome == (DONE, ""), outcome
            queue.finish(job.key, *outcome)
    finally:
        KINDS._found = before


if __name__ == "__main__":
    run()
