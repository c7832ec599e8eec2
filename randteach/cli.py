"""From a command line to a plan: what every sweep file calls, and the `randteach` command."""

import os
import re
import shlex
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

import randteach
from loaders.datasets import DataError
from randteach import cluster, code, estimate, options, overrides, paths, security, study
from randteach.disk import ensure_writable
from randteach.engine.progress import duration
from randteach.jobs import Job
from randteach.overrides import Axes
from randteach.setting import UserError
from randteach.store import Store
from randteach.study import Plan, Study

if TYPE_CHECKING:
    from randteach.engine.placement import Cluster

DAY = 86400
MISTAKE, STOPPED = 2, 130
WIDTH = 120


def main(sweep: Study, argv: Sequence[str] | None = None) -> None:
    """Run a sweep file as a command; exits with 0, 1 (jobs failed), 2 (a mistake) or 130 (stopped)."""
    given = sys.argv[1:] if argv is None else list(argv)
    sys.exit(guarded(lambda: _sweep(sweep, given)))


def command() -> None:
    """The `randteach` command."""
    from randteach import commands

    sys.exit(guarded(lambda: commands.run(sys.argv[1:])))


def guarded(action: Callable[[], int]) -> int:
    """Run an action; a user's mistake is one message on stderr and exit code 2, no traceback."""
    try:
        return action()
    except (UserError, DataError) as error:
        Console(stderr=True, soft_wrap=True, emoji=False).print(f"[bold red]error:[/] {escape(str(error))}")
        return MISTAKE
    except KeyboardInterrupt:  # before anything runs: nothing is lost
        return STOPPED


def _sweep(sweep: Study, argv: Sequence[str]) -> int:
    args = options.parser(sweep).parse_intermixed_args(argv)
    if args.name is not None and not re.fullmatch(r"\w[\w.-]*", args.name):
        raise UserError(f"--name {args.name}: it names a folder; letters, digits and . _ - are allowed")
    security.check_versions()
    paths.home()  # which Ray needs, and the cluster's file
    out = paths.absolute(args.out, "--out")
    # A file has no width of its own; a terminal and COLUMNS have.
    console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH)
    _on_cluster(args, console)
    axes = overrides.parse(sweep.presets[args.preset], args.settings)
    have = _cluster(args)
    axes = _environment(axes, have, console)
    for name in axes.typed & sweep.unused.keys():
        raise UserError(f"{name}: has no effect in {sweep.name}; set {sweep.unused[name]}")
    raw = axes.values.get("data.root", (None,))[0]
    root = out / "data" if raw is None else paths.absolute(raw, "data.root")
    plan = study.expand(sweep, axes, args.name)
    store = Store(out / "store" if args.store is None else args.store)
    store.check_format()
    missing = plan.missing(store)
    _show_plan(console, plan, missing, store)
    if have:
        have.check(missing)
    if args.dry_run:
        return 0
    _check_time(missing, args, console)
    _check_room(missing, store)
    ensure_writable(out, "--out")
    if missing:
        store.prepare()
    from randteach.run import Request, run

    request = Request(
        out=out,
        store=store,
        root=root,
        loader=axes.values["loader"][0],
        checkpoint_every=plan.settings["checkpoint_every"][0],
        local=args.local,
        address=args.address,
        mlflow=args.mlflow,
        retry=args.retry,
        max_failures=args.max_failures,
        max_hours=args.max_hours,
        command=shlex.join([paths.short(sys.executable), *sys.argv]),
    )
    return run(sweep, plan, missing, request, console)


def _on_cluster(args: Namespace, console: Console) -> None:
    """On a node of a cluster, what is not said is the cluster's: Ray, store and MLflow."""
    there = cluster.here()
    if not there or args.local:
        return
    args.address, args.store = args.address or there.address, args.store or there.store
    args.mlflow = args.mlflow or there.mlflow
    ours, typed = Path(randteach.__file__).parents[1] / "sweeps" / Path(sys.argv[0]).name, Path(sys.argv[0])
    if ours.exists() and typed.exists() and ours.read_bytes() != typed.read_bytes():
        console.print(
            f"{typed} is not the {ours.name} that came with the installed code {code.digest()}: "
            "what was changed elsewhere since the last `ray up` is not here",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )


def _cluster(args: Namespace) -> "Cluster | None":
    """What the cluster named has and can start; None where jobs run on this machine."""
    if not args.address or args.local:
        return None
    from randteach.engine import connection

    return connection.cluster(args.address)


def _environment(axes: Axes, have: "Cluster | None", console: Console) -> Axes:
    """Fill in what depends on machines and enters no key: the reader, and GPUs for all but probes."""
    import torch

    from loaders import ffcv_available

    values = dict(axes.values)
    loader = values.get("loader", ("auto",))[0]
    if loader in ("auto", "ffcv") and not ffcv_available():
        if loader == "ffcv":
            raise UserError(
                "loader=ffcv: FFCV is not installed; `make setup` installs it on Debian and Ubuntu, "
                "loader=memory runs without it, to the same numbers"
            )
        console.print("FFCV is not installed: images are read from memory, to the same numbers")
        loader = "memory"
    values["loader"] = ("ffcv" if loader == "auto" else loader,)
    if have.gpus if have else torch.cuda.is_available():
        for name in ("distill", "train", "connect", "plane"):
            values.setdefault(f"resources.{name}.gpus", (1.0,))
    elif have and have.unknown and "resources.distill.gpus" not in values:
        console.print(
            "No GPU is there, and machines are still to join: this start uses CPUs. If one of them is "
            "to bring a GPU: stop, wait until `ray status` shows it, and submit again"
        )
    return replace(axes, values=values)


def _show_plan(console: Console, plan: Plan, missing: Sequence[Job], store: Store) -> None:
    todo, total = Counter(job.kind for job in missing), Counter(job.kind for job in plan.jobs)
    console.print(f"[bold]{plan.study}[/]: {len(plan.jobs)} jobs, {len(missing)} missing")
    for kind, count in total.items():
        console.print(f"  {kind:8} {count:5}   done {count - todo[kind]:5}   missing {todo[kind]:5}")
    if missing:
        seconds = estimate.past_seconds(plan.jobs, missing, store)
        spent = f"about {duration(seconds)} of one worker" if seconds else "time unknown, no past jobs"
        console.print(f"  {estimate.size(estimate.storage(missing))} to store; {spent}", highlight=False)


def _check_room(missing: Sequence[Job], store: Store) -> None:
    need, free = estimate.storage(missing), store.storage.free_bytes()
    if free is not None and need > free:
        raise UserError(
            f"--store {store.address}: the plan needs {estimate.size(need)}, {estimate.size(free)} are "
            "free; give another place with --store, or fewer points"
        )


def _check_time(missing: Sequence[Job], args: Namespace, console: Console) -> None:
    """Refuse days of training on a CPU, unless asked for."""
    asked = args.preset != "paper" or args.yes or args.address
    if asked or not missing or any(job.slot.gpus for job in missing):
        return
    cores = len(os.sched_getaffinity(0))
    seconds = estimate.measured_seconds(missing, cores)
    console.print(f"  without a GPU: about {duration(seconds)} on these {cores} cores")
    if seconds > DAY:
        raise UserError(
            f"--preset paper: takes about {duration(seconds)} on {cores} CPU cores without a GPU; "
            "--preset mini takes minutes, --yes runs this one all the same"
        )
