"""From a command line to a plan: what every sweep file calls, and the `randteach` command."""

import atexit
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from rich.console import Console

import randteach
from randteach.cli import machines, options, preview
from randteach.config import overrides, presets
from randteach.environment import cluster, code, disk, paths, security
from randteach.environment.console import Terminal
from randteach.errors import UserError
from randteach.jobs import effect, outside, study
from randteach.jobs.study import Study
from randteach.store import remake
from randteach.store.missing import missing as lacking
from randteach.store.store import Store

MISTAKE, STOPPED = 2, 130


def main(sweep: Study, argv: Sequence[str] | None = None) -> None:
    """Run a sweep file as a command; exits with 0, 1 (jobs failed), 2 (a mistake) or 130 (stopped)."""
    if argv is not None:
        sys.exit(guarded(lambda: _sweep(sweep, argv)))
    # Not the script's folder: it is full of sweeps, and pandas takes any `bottleneck` for a library.
    sys.path[:] = [path for path in sys.path if path != str(Path(sys.argv[0]).resolve().parent)]
    ended = guarded(lambda: _sweep(sweep, sys.argv[1:]))
    if "ray" in sys.modules:
        _leave(ended)
    sys.exit(ended)


def _leave(ended: int) -> NoReturn:
    """End the process without taking the interpreter apart.

    A sweep that was stopped under Ray crashes there (SIGABRT), and its exit code would be another one.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or a pipe that nobody reads
            stream.flush()
    os._exit(ended)


def command() -> None:
    """The `randteach` command."""
    from randteach.cli import commands

    sys.exit(guarded(lambda: commands.run(sys.argv[1:])))


def guarded(action: Callable[[], int]) -> int:
    """Run an action; a user's mistake is one message on stderr and exit code 2, no traceback."""
    os.environ.pop("MPLBACKEND", None)  # a notebook's: matplotlib can't be imported with one that isn't there
    try:
        return action()
    except UserError as error:
        console = Terminal(stderr=True)
        console.print("error:", style="bold red", end=" ")
        console.print(" ".join(str(error).splitlines()))
        return MISTAKE
    except KeyboardInterrupt:  # before anything runs: nothing is lost
        return STOPPED


def _sweep(sweep: Study, argv: Sequence[str]) -> int:
    args = options.parser(sweep).parse_intermixed_args(argv)
    sweep, sources = outside.adopt(sweep)
    usual = sweep.name + (presets.SMOKE_ENDS if args.preset == "smoke" else "")
    name = usual if args.name is None else args.name
    options.check_name(name, ())
    security.check_versions()
    paths.home()  # which Ray needs, and the cluster's file
    out = paths.absolute(args.out, "--out")
    console = Terminal()
    _on_cluster(args, console)
    axes = overrides.parse(sweep.presets[args.preset], args.settings)
    have = machines.there(None if args.local else args.address)
    axes = machines.fill_in(axes, have, console)
    raw = axes.values.get("data.root", (None,))[0]
    root = out / "data" if raw is None else paths.absolute(raw, "data.root")
    plan = study.expand(sweep, axes, name)
    effect.check(sweep, axes)
    store = Store(out / "store" if args.store is None else args.store)
    store.check_format()
    with disk.writing(out, "--out"):
        options.check_name(name, [*store.storage.names("studies"), *disk.names(out)])
    if (out / name).is_file():
        raise UserError(f"--name {name}: there is a file of this name in {out}; give another name")
    again = remake.remake(plan.jobs, store) if args.remake else remake.NOTHING
    missing = lacking(plan.jobs, store, again.artifacts)
    estimated = preview.show(console, plan, missing, store, again)
    have.check(missing)
    machines.check_data(missing, axes, args.address)
    if args.dry_run:
        return 0
    machines.check_precision(missing, args.address, console)
    if again and not args.yes:
        raise UserError(f"{again.text}, which `aside/` in the store keeps; add --yes to have it done")
    if args.preset == "paper" and not args.yes and not args.address:
        machines.check_time(missing, console)
    machines.check_room(missing, store)
    if missing and not args.local:
        security.check()
        security.ensure_token()
    disk.ensure_writable(out, "--out")
    if missing:
        store.prepare()
    from randteach.cli.run import Request, run

    request = Request(
        out=out,
        store=store,
        again=again,
        estimated=estimated,
        root=root,
        loader=axes.values["loader"][0],
        checkpoint_every=plan.settings["checkpoint_every"][0],
        local=args.local,
        address=args.address,
        mlflow=args.mlflow,
        retry=args.retry,
        max_failures=args.max_failures,
        max_hours=args.max_hours,
        sources=sources,
        command=shlex.join([paths.short(sys.executable), *sys.argv]),
    )
    return run(sweep, plan, missing, request, console)


def _on_cluster(args: Namespace, console: Console) -> None:
    """On a cluster's node, take Ray, store and MLflow from the cluster unless they are given."""
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
