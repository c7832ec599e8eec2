"""The store as seen in MLflow: experiment = study, a run for the sweep, one a student, one a probe.

All of it can be written again from the store at any time. Runs are found by the tag of their key, and
metrics have timestamps that derive from the step: what is written twice is written once.
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from randteach.config.labels import label
from randteach.environment import disk, paths
from randteach.errors import Damaged, Unknown
from randteach.jobs import recorded
from randteach.jobs.job import Entry
from randteach.stages.recorder import SKIPPED
from randteach.store import plans, work
from randteach.store.missing import below_diverged
from randteach.store.missing import missing as lacking
from randteach.store.session import Sessions
from randteach.store.store import Store
from randteach.tracking import database, metrics, renewal
from randteach.tracking.quiet import be_quiet

KEY, ROWS, PARENT, NAME = "key", "rows", "mlflow.parentRunId", "mlflow.runName"
NOTE = "mlflow.note.content"
SWEEP, ERROR = "sweep", "error"
DATABASE = "mlflow.db"
PARAMS_AT_ONCE = 100  # MLflow's limits for one request
METRICS_AT_ONCE = 1000


def track(out: Path, store: Store, name: str, server: str | None = None) -> str:
    """Write all of a study that MLflow lacks; the status of its sweep."""
    plan = plans.last(store, name)
    out.mkdir(parents=True, exist_ok=True)
    tree = Tree(out, store, plan, server)
    missing = {entry.key for entry in lacking(list(tree.entries.values()), store)}
    failed = missing.intersection(work.failures(store))
    status = "FAILED" if failed else "KILLED" if missing else "FINISHED"
    tree.write_all()
    sessions = Sessions(store)
    if any(
        sessions.about(token).get("study") == name and sessions.alive(token) for token in sessions.tokens()
    ):
        return "running"  # its own sweep says how it ends
    tree.close([out / name / file for file in disk.names(out / name)], status)
    return status


class Tree:
    """A study's runs in MLflow: of the sweep, below it students, and below these their probes.

    They are in a database in `out`, or with a server where one is named.
    """

    def __init__(self, out: Path, store: Store, plan: Mapping[str, Any], server: str | None = None) -> None:
        be_quiet()
        from mlflow import MlflowClient
        from mlflow.entities import RunTag

        self.store, self.study = store, plan["study"]
        self.entries = {entry.key: entry for entry in recorded.jobs_of(plan, self.study)}
        self.database = None if server else out / DATABASE
        if self.database:
            database.prepare(self.database)
        self.client = MlflowClient(server or paths.sqlite(out / DATABASE))
        self.runs: dict[str, str] = {}
        self.written: dict[str, str] = {}
        self._failed: set[str] = set()  # runs with an error's text
        # A server keeps artifacts where it was told to, and hands them on.
        self._find(None if server else (out / "mlflow-artifacts" / self.study).as_uri())
        self._inode = self.database.stat().st_ino if self.database else 0
        self._open(SWEEP, f"sweep {self.study}", {"role": SWEEP, "study": self.study})
        settings = {f"setting.{name}": ",".join(map(str, value)) for name, value in plan["settings"].items()}
        about = {NOTE: plan.get("question", ""), **settings}
        self.client.log_batch(self.runs[SWEEP], tags=[RunTag(name, value) for name, value in about.items()])

    def _find(self, artifacts: str | None) -> None:
        """The study's experiment, made where there is none, and the runs that it has."""
        from mlflow.entities import ViewType

        found = self.client.get_experiment_by_name(self.study)
        self.experiment = (
            found.experiment_id if found else self.client.create_experiment(self.study, artifacts)
        )
        token = None
        while True:
            page = self.client.search_runs(
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
                    self._failed |= {key} if ERROR in run.data.tags else set()
            token = page.token
            if not token:
                return

    def begin(self, key: str) -> None:
        """A job has begun to run; where this is heard late, it may have been made and written since."""
        entry = self.entries[key]
        if not self.store.has(entry.artifacts[-1]):
            self._renew(entry)
            self._run(entry)

    def row(self, key: str, row: Mapping[str, Any]) -> None:
        """A job's row, while it runs."""
        entry = self.entries[key]
        run = self.runs.get(key) or self._run(entry)
        self.client.log_batch(run, metrics=metrics.of_rows([row], entry.labels.get("step") or 0))

    def end(self, key: str, status: str, error: str) -> None:
        """A job has ended: what it has made, or how it failed."""
        entry = self.entries[key]
        if status == "done":
            self.write(entry)
        else:
            self._fail(entry, status, error)

    def stop(self, key: str) -> None:
        """A job has been stopped before it was made."""
        if key in self.runs:
            self.client.set_terminated(self.runs[key], "KILLED")

    def write_all(self) -> None:
        """Write all that the store has and MLflow lacks."""
        failed = set(work.failures(self.store))
        skipped, _ = below_diverged(list(self.entries.values()), self.store)
        stamps = {key: renewal.stamp(entry, self.store) for key, entry in self.entries.items()}
        self._renew(*(e for key, e in self.entries.items() if self.written.get(key, "") != stamps[key]))
        for entry in self.entries.values():
            if stamps[entry.key]:
                self.write(entry, stamps[entry.key])
            elif entry.key in failed:
                about = work.failure(self.store, entry.key) or {}
                self._fail(entry, "failed", about.get("error", ""))
            elif entry.key in skipped:
                self._fail(entry, SKIPPED, "")

    def close(self, files: Iterable[Path], status: str) -> None:
        """The study's files and its status; OSError where the database is not the one begun with."""
        kept = self.database
        if kept and not (kept.exists() and kept.stat().st_ino == self._inode):
            raise OSError(f"{self.database} was deleted while it was being written")
        for path in files:
            if path.is_file():
                self.client.log_artifact(self.runs[SWEEP], str(path))
        self.client.set_terminated(self.runs[SWEEP], status)

    def _renew(self, *entries: Entry) -> None:
        """Begin anew the runs of jobs that have been set aside since they were written."""
        written = self.written
        renewal.renew(self, [e for e in entries if renewal.stale(e, written.get(e.key, ""), self.store)])

    def write(self, entry: Entry, stamp: str = "") -> None:
        """Write a finished job whole, unless its run says that all of it is written."""
        from mlflow.entities import RunTag

        artifact, stamp = entry.artifacts[-1], stamp or renewal.stamp(entry, self.store)
        if self.written.get(entry.key, "") == stamp:
            return
        self._renew(entry)
        try:
            commit = self.store.commit_of(artifact)
            rows, config = self.store.rows(artifact), self.store.json(artifact, "config")
            provenance = self.store.json(artifact, "provenance")
        except (Damaged, Unknown, KeyError):
            return  # the table's reader reports it, and it is made again
        step = entry.labels.get("step") or 0
        begin, end = provenance["began"], provenance["began"] + provenance["seconds"]
        run = self._run(entry, begin, provenance.get("study", self.study))
        numbers, params = metrics.of_rows(rows, step), metrics.of_config(config)
        about = {"status": commit.status, "numerics": commit.numerics}
        tags = [RunTag(name, value) for name, value in about.items()]
        # One request for all that it can take; each costs a server tens of milliseconds.
        batches = max(1, -(-len(params) // PARAMS_AT_ONCE), -(-len(numbers) // METRICS_AT_ONCE))
        for n in range(batches):
            self.client.log_batch(
                run,
                metrics=numbers[n * METRICS_AT_ONCE : (n + 1) * METRICS_AT_ONCE],
                params=params[n * PARAMS_AT_ONCE : (n + 1) * PARAMS_AT_ONCE],
                tags=[] if n else tags,
            )
        home = metrics.above(entry, self.entries) or SWEEP
        labels = self.entries[home].labels if home in self.entries else {}
        if curve := metrics.curve(entry, rows, labels):
            self.client.log_batch(self.runs[home], metrics=curve)
        if entry.key in self._failed:
            self.client.delete_tag(run, ERROR)
            self._failed.discard(entry.key)
        self.client.set_terminated(run, "FINISHED", int(end * 1000))
        self.client.set_tag(run, ROWS, stamp)  # last: it says that all is written
        self.written[entry.key] = stamp

    def _open(
        self, key: str, name: str, tags: Mapping[str, str], parent: str | None = None, began: float = 0.0
    ) -> str:
        """The run of a key, made or opened again."""
        if key not in self.runs:
            same = self.client.search_runs([self.experiment], f"tags.{KEY} = '{key}'", max_results=1)
            self.runs.update((key, run.info.run_id) for run in same)  # by a sweep beside this one
        if key in self.runs:
            self.client.update_run(self.runs[key], status="RUNNING")
        else:
            nested = {PARENT: self.runs[parent]} if parent else {}
            run = self.client.create_run(
                self.experiment,
                start_time=int((began or time.time()) * 1000),
                tags={KEY: key, NAME: name, **nested, **tags},
                run_name=name,
            )
            self.runs[key] = run.info.run_id
        return self.runs[key]

    def _run(self, entry: Entry, began: float = 0.0, made_by: str = "") -> str:
        parent = metrics.above(entry, self.entries) or SWEEP
        if parent not in self.runs:
            self._run(self.entries[parent])
        tags = {name: label(value) for name, value in entry.labels.items() if value is not None}
        if made_by not in ("", self.study):
            tags["reused"] = made_by
        return self._open(entry.key, entry.title, {"kind": entry.kind, **tags}, parent, began)

    def _fail(self, entry: Entry, status: str, error: str) -> None:
        run = self._run(entry)
        self.client.set_tag(run, "status", status)
        if error:
            self.client.set_tag(run, ERROR, error[-4000:])
            self._failed.add(entry.key)
        self.client.set_terminated(run, "FAILED" if error else "KILLED")
