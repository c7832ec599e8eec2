"""A Ray worker's side: a trial is a job, what happens in it are events for the driver."""

import platform
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from loaders import ffcv_available
from randteach.engine import events
from randteach.engine.context import Context
from randteach.engine.events import Committed, Event, Placed, Refused, Returned
from randteach.engine.execute import attempt
from randteach.engine.queue import DONE, STOPPED
from randteach.engine.ray.nodes import MEND, MOUNT, stranger
from randteach.environment import cluster, code
from randteach.environment.outside import Source
from randteach.jobs import wire
from randteach.jobs.outside import declare
from randteach.store.data_cache import DataCache
from randteach.store.session import stop_asked
from randteach.store.store import Store

TOGETHER = 1.0  # seconds within which events are sent together


@dataclass(frozen=True)
class Options:
    """The settings that a worker makes its context from."""

    store: str
    root: str
    cache: str  # nothing: the node's own
    loader: str
    session: str
    study: str
    checkpoint_every: float
    digest: str  # of the driver's code
    data_cache: bool = False  # data sets are in the store
    start: code.Start | None = None
    sources: tuple[Source, ...] = ()  # of what the study declares

    def context(self) -> Context:
        """The context of a worker's process."""
        store = Store(self.store)
        return Context(
            store,
            Path(self.root),
            Path(self.cache) if self.cache else cluster.data(),
            "memory" if self.loader == "ffcv" and not ffcv_available() else self.loader,  # the same numbers
            session=self.session,
            study=self.study,
            checkpoint_every=self.checkpoint_every,
            stop=stop_asked(store, self.session),
            data_cache=DataCache(store) if self.data_cache else None,
            start=self.start,
        )


@cache
def _ready(options: Options) -> tuple[Context | None, str]:
    """A process's context, kept with its teachers' features; or why no job may be made here.

    A node may have come since the start. With other code it would fail one job after the other, with another
    store it would make what nobody sees.
    """
    node = platform.node()
    if code.digest() != options.digest:
        other = f"{node} runs other code ({code.digest()}) than the driver ({options.digest})"
        return None, f"code: {other}. {MEND}"
    for source in options.sources:
        declare(source)
    if why := stranger(options.store, options.session):
        return None, f"--store {options.store}: {node} {why}; {MOUNT}"
    return options.context(), ""


class _Reports:
    """Events on their way to the driver: together where they come fast, since each report takes its time."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.sent = time.monotonic()

    def take(self, event: Event) -> None:
        """Send the event, or have it sent with the next one; children wait for artifacts."""
        self.events.append(event)
        if isinstance(event, Committed) or time.monotonic() - self.sent > TOGETHER:
            self.send()

    def send(self) -> None:
        """Send what there is, as text: Tune flattens what is nested."""
        from ray import tune

        if self.events:
            tune.report({"events": events.dumps(self.events)})
        self.events, self.sent = [], time.monotonic()


def work(record: str, options: Options) -> None:
    """One trial, in a worker; the job comes as JSON (`jobs/wire.py`)."""
    import ray

    context, unfit = _ready(options)
    job = wire.loads(record)
    reports = _Reports()
    node = ray.get_runtime_context().get_node_id()
    reports.events.append(Placed(job.key, node))  # sent with what comes first
    if context:
        outcome, error = attempt(job, replace(context, emit=reports.take))
    else:
        outcome, error = STOPPED, ""
        reports.take(Refused(job.key, unfit))
    if outcome != DONE:
        reports.take(Returned(job.key, outcome, error))
    reports.send()
