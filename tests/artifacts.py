"""Results put into a store as their stages would have, without making them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from randteach import identity
from randteach.identity.artifact import Artifact
from randteach.jobs.job import Job
from randteach.store.store import Store


def commit(
    store: Store,
    job: Job,
    rows: Sequence[Mapping[str, Any]] = (),
    *,
    step: int | None = None,
    status: str = "ok",
) -> None:
    """A job's result, or its snapshot at a step."""
    files = {
        "config.json": identity.dumps(job.spec).encode(),
        "metrics.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode(),
        "provenance.json": json.dumps({"began": 0.0, "seconds": 1.0}).encode(),
    }
    artifact = Artifact(job.kind, job.key, step)
    assert store.commit(artifact, files, status=status, seconds=1.0, numerics="n")
