"""Run a planned study: prepare its data, make its jobs, show them, and draw the figure."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from omegaconf import OmegaConf
from rich.console import Console

from randteach.cli import closing
from randteach.engine import local
from randteach.engine.context import Context
from randteach.engine.events import Ended, Event, FoundDamaged, Refused
from randteach.engine.inputs import prepare_data, read
from randteach.engine.progress import Progress
from randteach.engine.queue import POSTPONED, Queue
from randteach.engine.ray import tune, worker
from randteach.engine.signals import stoppable
from randteach.environment import cluster, code, disk, numerics
from randteach.environment.outside import Source
from randteach.errors import Damaged
from randteach.jobs import recorded
from randteach.jobs.job import Job
from randteach.jobs.study import Plan, Study
from randteach.report import results, table
from randteach.store import plans, work
from randteach.store.data_cache import DataCache
from randteach.store.missing import missing as lacking
from randteach.store.remake import Remake
from randteach.store.session import Session, Sessions
from randteach.store.store import Store
from randteach.tracking.projector import Projector

OK, FAILED, STOPPED = 0, 1, 130
ROUNDS = 3  # of making again what was found damaged


@dataclass(frozen=True)
class Request:
    """How and where a plan is to be run."""

    out: Path
    store: Store
    again: Remake  # what is set aside first
    estimated: float | None  # seconds of one worker
    root: Path
    loader: str
    checkpoint_every: float
    local: bool
    address: str | None
    mlflow: str | None
    retry: int
    max_failures: int | None
    max_hours: float | None
    sources: tuple[Source, ...]  # of what the study declares
    command: str


def run(sweep: Study, plan: Plan, missing: Sequence[Job], request: Request, console: Console) -> int:
    """Make what is missing, then table, figure, summary and MLflow's runs; the exit code."""
    data = cluster.data() if request.address else request.out / "data"
    shared = DataCache(request.store) if request.address else None  # nodes have what the driver puts there
    context = Context(request.store, request.root, data, request.loader, study=plan.study, data_cache=shared)
    prepare_data(missing, context)  # before anything is written
    return Run(sweep, plan, request, console, context).run(missing)


class Run:
    """One start of a study."""

    def __init__(
        self, sweep: Study, plan: Plan, request: Request, console: Console, context: Context
    ) -> None:
        self.sweep, self.plan, self.request, self.console = sweep, plan, request, console
        self.store, self.context = request.store, context
        self.projector = Projector(request.out, request.store, self.say, request.mlflow)
        self.session = Session(request.store, {"study": plan.study, "command": request.command})
        self.progress = Progress(console, plan.jobs)
        self.unshown: Exception | None = None
        self.gave_up = False  # for failures, or for a node that may take no jobs

    def run(self, missing: Sequence[Job]) -> int:
        """Make what is missing and report it, again where something was found damaged; the exit code."""
        with ExitStack() as stack:
            if missing or self.request.again:
                with self.store.writing():
                    self._begin(stack)
                    self.request.again.set_aside(self.store, self.session.token)
                missing = lacking(self.plan.jobs, self.store)  # as it is now, with the plan on record
            else:
                with suppress(OSError):  # nothing to make: a store that can only be read is good enough
                    self._begin(stack)
            stack.enter_context(stoppable(self.session, self.request.max_hours, self.say))
            self.projector.start(recorded.project(self.plan, self.sweep.question))
            try:
                for _ in range(ROUNDS):
                    self._make(missing)
                    self.report()
                    damaged = self.progress.damaged or POSTPONED in self.progress.counts
                    again = damaged and not self.session.stopping
                    missing = lacking(self.plan.jobs, self.store) if again else []
                    if not missing:
                        break
            except KeyboardInterrupt:
                self.session.stop("stopped at once by Ctrl-C")
                self._close()
                return STOPPED
            except Exception:  # Ray or the resources asked for are not to be had, or worse
                self.projector.finish([], "FAILED")
                raise
            return self._end()

    def _begin(self, stack: ExitStack) -> None:
        """Record the plan first, so that `gc` keeps what it needs; then begin the session."""
        about = {"command": self.request.command, "session": self.session.token}
        start = plans.record(self.store, self.plan, self.sweep.question, about)
        self.context = replace(self.context, start=start)
        Sessions(self.store).remove_dead()
        stack.enter_context(self.session)

    def say(self, text: str) -> None:
        """A line for the user."""
        self.console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def _make(self, missing: Sequence[Job]) -> None:
        if not missing:
            return
        request, context, token = self.request, self.context, self.session.token
        prepare_data(missing, context)
        if isinstance(context.data_cache, DataCache):
            with self.store.writing():
                context.data_cache.publish(read(missing), context.root)
        self.progress.expect(missing)
        self.session.show = self.progress.snapshot
        claims = work.Claims(self.store, token, Sessions(self.store))
        queue = Queue(missing, self.store, self._emit, claims, lambda: self.session.stopping, request.retry)
        with self.progress:
            if request.local:
                local.run(queue, replace(context, session=token, checkpoint_every=request.checkpoint_every))
            else:
                options = worker.Options(
                    self.store.address,
                    str(context.root),
                    "" if request.address else str(context.cache),
                    context.loader,
                    token,
                    context.study,
                    request.checkpoint_every,
                    code.digest(),
                    data_cache=context.data_cache is not None,
                    start=context.start,
                    sources=request.sources,
                )
                tune.run(queue, options, request.address, self.say)

    def _emit(self, event: Event) -> None:
        """Pass an event to all that listen, and keep failures in the store."""
        match event:
            case Refused(why=why):
                self._give_up(why)
                return
            case Ended(key, "done"):
                work.forget_failure(self.store, key)
            case Ended(key, error=error) if error:
                log = work.log_of(self.store, key, self.session.token)
                about = {"error": error, "log": log, "study": self.plan.study}
                work.record_failure(self.store, key, about)
        self.progress.handle(event)
        self.projector.handle(event)
        limit = self.request.max_failures
        if limit is not None and len(self.progress.failures) >= limit:
            self._give_up(f"--max-failures {limit} is reached")

    def _give_up(self, why: str) -> None:
        if not self.session.stopping:
            self.gave_up = True
            self.session.stop(why)

    def report(self) -> None:
        """Table, figure and printed summary of what the store holds of the plan.

        Errors are raised at the end, so that MLflow shows what is made all the same.
        """
        self.unshown = None
        try:
            with disk.writing(self.request.out, "--out"):
                self._report(self.request.out / self.plan.study)
        except Exception as error:
            self.unshown = error

    def _report(self, folder: Path) -> None:
        entries = [job.entry for job in self.plan.jobs]
        with self.store.reached():  # else the table would have nothing but gaps
            frame = table.build(self.store, self.plan.study, entries, self.plan.settings, self._set_aside)
        table.write(frame, folder)
        OmegaConf.save(OmegaConf.create(dict(self.plan.settings)), folder / "settings.yaml")
        if len(numerics.parts(frame["numerics"].dropna())) > 1:
            self.console.print(
                "numbers were made on machines or thread counts that differ in their last bits"
            )
        found = results.results_of(self.sweep, frame, self.plan.settings)
        try:
            results.draw(self.sweep, found, folder)
        finally:
            for shown in results.show(self.sweep, found):
                self.console.print(shown)
        if self.request.address:
            with self.store.writing():
                self.store.keep_report(self.plan.study, self._files())

    def _files(self) -> list[Path]:
        """What is there of a report."""
        folder = self.request.out / self.plan.study
        return sorted(folder / name for name in disk.names(folder))

    def _set_aside(self, damage: Damaged) -> None:
        with self.store.writing():
            self.store.set_aside(damage)
        self.progress.handle(FoundDamaged(damage.artifact.key, str(damage)))

    def _end(self) -> int:
        failures, stopping = self.progress.failures, self.session.stopping
        whole = not lacking(self.plan.jobs, self.store)
        stopped = stopping and not self.gave_up
        status = "FINISHED" if whole else "KILLED" if stopped else "FAILED"
        if trouble := self.projector.finish(self._files(), status):
            self.say(f"MLflow was not written: {trouble}; `randteach track` writes it")
        self._close(whole)
        if self.unshown:
            raise self.unshown
        if whole and not failures:
            return OK
        return STOPPED if stopped else FAILED

    def _close(self, whole: bool = False) -> None:
        stopping = self.session.stopping
        closing.show(self.console, self.plan, self.progress, self.request, stopping, whole)
