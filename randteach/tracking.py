"""The store as seen in MLflow: experiment = study, a run for the sweep, one a student, one a probe.

One projector in the driver writes everything, in a thread of its own, so that a slow server delays no
job. It finds runs by the tag of their key, and gives metrics timestamps that derive from the step:
what is written twice is written once. Workers never touch MLflow.
"""

import json
import logging
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from randteach.engine.execute import Event
from randteach.records import Entry
from randteach.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY, ROWS, PARENT, NAME = "key", "rows", "mlflow.parentRunId", "mlflow.runName"
NOTE = "mlflow.note.content"
SWEEP = "sweep"
PARAMS_AT_ONCE = 100  # MLflow's limits for one request
METRICS_AT_ONCE = 1000


class Projector:
    """Writes a plan's jobs to MLflow, live while they run and whole when they are done."""

    def __init__(self, out: Path, study: str, store: Store) -> None:
        self.uri = f"sqlite:///{(out / 'mlflow.db').absolute()}"
        self.artifacts = (out / "mlflow-artifacts" / study).absolute().as_uri()
        self.study, self.store = study, store
        self.entries: dict[str, Entry] = {}
        self.runs: dict[str, str] = {}
        self.written: dict[str, str] = {}
        self.fresh: set[str] = set()
        self.trouble = ""
        self._client: MlflowClient | None = None
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self, entries: Iterable[Entry], settings: Mapping[str, Any], question: str) -> None:
        """Begin to write; `settings` become tags of the sweep's run, `question` its description."""
        self.entries = {entry.key: entry for entry in entries}
        self.settings, self.question = dict(settings), question
        self._thread.start()

    def handle(self, event: Event) -> None:
        """Take an event of the engine; never waits."""
        self._events.put(event)

    def finish(self, files: Iterable[Path], status: str) -> str:
        """Write what is missing and the study's files; the trouble that there was, or nothing."""
        self.handle({"event": "finish", "files": list(files), "status": status})
        self._events.put(None)
        self._thread.join()
        return self.trouble

    def _follow(self) -> None:
        """The thread: whatever goes wrong in MLflow is kept for the end and stops no job."""
        try:
            self._connect()
        except Exception as error:
            self.trouble = f"{type(error).__name__}: {error}"
        while (event := self._events.get()) is not None:
            if self.trouble:
                continue
            try:
                self._write(event)
            except Exception as error:
                self.trouble = f"{type(error).__name__}: {error}"

    def _connect(self) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.entities import RunTag, ViewType

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._client = client = MlflowClient(self.uri)
        found = client.get_experiment_by_name(self.study)
        self.experiment = (
            found.experiment_id if found else client.create_experiment(self.study, self.artifacts)
        )
        token = None
        while True:
            page = client.search_runs(
                [self.experiment],
                run_view_type=ViewType.ACTIVE_ONLY,
                max_results=1000,
                page_token=token,
            )
            for run in page:
                key = run.data.tags.get(KEY)
                if key:
                    self.runs[key] = run.info.run_id
                    self.written[key] = run.data.tags.get(ROWS, "")
            token = page.token
            if not token:
                break
        self._open(SWEEP, f"sweep {self.study}", {"role": SWEEP, "study": self.study})
        settings = {f"setting.{name}": ",".join(map(str, value)) for name, value in self.settings.items()}
        about = {NOTE: self.question, **settings}
        client.log_batch(self.runs[SWEEP], tags=[RunTag(name, value) for name, value in about.items()])

    def _write(self, event: Event) -> None:
        kind = event["event"]
        if kind == "begin":
            self.fresh.add(event["key"])
            self._run(self.entries[event["key"]])
        elif kind == "row":
            self._log_row(self.entries[event["key"]], event["row"])
        elif kind == "end":
            entry = self.entries[event["key"]]
            if event["status"] == "done":
                self._project(entry)
            else:
                self._fail(entry, event["status"], event["error"])
        elif kind == "finish":
            for entry in self.entries.values():
                self._project(entry)
            for path in event["files"]:
                self.client.log_artifact(self.runs[SWEEP], str(path))
            self.client.set_terminated(self.runs[SWEEP], event["status"])

    @property
    def client(self) -> "MlflowClient":
        """The connected client."""
        assert self._client is not None
        return self._client

    def _open(self, key: str, name: str, tags: Mapping[str, str], parent: str | None = None) -> str:
        """The run of a key, made or opened again."""
        if key in self.runs:
            self.client.update_run(self.runs[key], status="RUNNING")
        else:
            nested = {PARENT: self.runs[parent]} if parent else {}
            run = self.client.create_run(
                self.experiment, tags={KEY: key, NAME: name, **nested, **tags}, run_name=name
            )
            self.runs[key] = run.info.run_id
        return self.runs[key]

    def _run(self, entry: Entry) -> str:
        parent = SWEEP
        for artifact in entry.parents:
            parent = artifact.key
            if parent not in self.runs:
                self._run(self.entries[parent])
        tags = {name: str(value) for name, value in entry.labels.items() if value is not None}
        if entry.key not in self.runs and entry.key not in self.fresh:
            tags["reused"] = "true"
        return self._open(entry.key, entry.title, {"kind": entry.kind, **tags}, parent)

    def _log_row(self, entry: Entry, row: Mapping[str, Any]) -> None:
        run = self.runs.get(entry.key) or self._run(entry)
        self.client.log_batch(run, metrics=_metrics([row], entry.labels.get("step") or 0))

    def _project(self, entry: Entry) -> None:
        """Write a finished job whole, unless its run says that all of it is written."""
        artifact = entry.artifacts[-1]
        if not self.store.has(artifact):
            return
        marker = self.store.marker(artifact)
        stamp = f"{artifact.name} {marker.attempt}"
        if self.written.get(entry.key) == stamp:
            return
        run, rows = self._run(entry), self.store.rows(artifact)
        step = entry.labels.get("step") or 0
        metrics = _metrics(rows, step)
        params = _params(self.store.json(artifact, "config"))
        for at in range(0, max(len(params), 1), PARAMS_AT_ONCE):
            self.client.log_batch(run, params=params[at : at + PARAMS_AT_ONCE])
        for at in range(0, len(metrics), METRICS_AT_ONCE):
            self.client.log_batch(run, metrics=metrics[at : at + METRICS_AT_ONCE])
        if entry.kind == "probe" and entry.parents:
            # A student's own run shows its features along training as curves.
            on = f"{entry.labels['probed_on']}/"
            self.client.log_batch(self.runs[entry.parents[0].key], metrics=_metrics(rows, step, on))
        for name, value in (
            ("status", marker.status),
            ("numerics", marker.numerics),
            (ROWS, stamp),
        ):
            self.client.set_tag(run, name, value)
        self.client.set_terminated(run, "FINISHED")
        self.written[entry.key] = stamp

    def _fail(self, entry: Entry, status: str, error: str) -> None:
        run = self._run(entry)
        self.client.set_tag(run, "status", status)
        if error:
            self.client.set_tag(run, "error", error[-4000:])
        self.client.set_terminated(run, "FAILED" if error else "KILLED")


def _metrics(rows: Iterable[Mapping[str, Any]], step: int, prefix: str = "") -> list[Any]:
    """Metrics of rows; the timestamp is the step, so that a repeated row changes nothing."""
    from mlflow.entities import Metric

    found = []
    for row in rows:
        split = row.get("split", "test")
        at = row.get("step", step)
        head = prefix + ("" if split == "test" else f"{split}_")
        for name, value in row.items():
            if name not in ("step", "split") and isinstance(value, int | float):
                found.append(Metric(f"{head}{name}", float(value), at, at))
    return found


def _params(config: Any, prefix: str = "") -> list[Any]:
    """A stored config as flat parameters."""
    from mlflow.entities import Param

    found = []
    for name, value in config.items():
        if isinstance(value, dict):
            found += _params(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            found.append(Param(prefix + name, text))
    return found
