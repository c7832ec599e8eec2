"""How many finished jobs, and live rows, MLflow takes: into a database of one's own, through a server."""

import tempfile
import time
from pathlib import Path

from randteach import identity
from randteach.jobs import recorded
from randteach.jobs.job import Job
from randteach.jobs.study import Plan
from randteach.store.store import Store
from randteach.tracking import tree as tracking
from tests import standin
from tests.cli.commands.test_serve import Server

JOBS = 200
ROUNDS = 3


def _filled(folder: Path) -> tuple[Store, list[Job]]:
    """A store of probes that were never run, each with the rows of a real one."""
    jobs = [standin.probe(number) for number in range(JOBS)]
    store = Store(folder)
    store.prepare()
    row = b'{"split": "test", "linear": 1.0, "linear_std": 2.0, "knn": 3.0}\n'
    for job in jobs:
        files = {
            "config.json": identity.dumps(job.spec).encode(),
            "metrics.jsonl": row,
            "provenance.json": b'{"began": 0.0, "seconds": 1.0}',
        }
        store.commit(job.artifacts[0], files, status="ok", seconds=1.0, numerics="n")
    return store, jobs


def projection() -> None:
    """Print both rates, in turn."""
    print(f"{JOBS} finished jobs written to MLflow; {ROUNDS} rounds")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, jobs = _filled(folder / "store")
        server = Server(folder)
        server.start()
        try:
            for number in range(ROUNDS):
                plan = recorded.project(Plan(f"round {number}", jobs), "")
                for place, address in (("database", None), ("server", server.address)):
                    began = time.perf_counter()
                    tree = tracking.Tree(folder / "out", store, plan, address)
                    tree.write_all()
                    written = time.perf_counter()
                    for job in jobs:
                        tree.row(job.key, {"epoch": number, "loss": 1.0, "rate": 2.0})
                    ended = time.perf_counter()
                    print(
                        f"  {place:9} {1000 * (written - began) / JOBS:6.1f} ms a job, "
                        f"{1000 * (ended - written) / JOBS:6.1f} ms a live row",
                        flush=True,
                    )
        finally:
            server.stop()
