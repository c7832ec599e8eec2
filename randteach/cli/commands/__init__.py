"""The `randteach` command: what one does beside running a sweep."""

import argparse
from collections.abc import Sequence

from rich.console import Console

from randteach.cli.options import count, given
from randteach.environment import cluster, paths
from randteach.environment.console import Terminal
from randteach.store.store import Store

OUT = "out"
PATHS = {"out": "--out", "file": "FILE"}  # that options and arguments name; a store can be in a bucket
MLFLOW = "MLflow's server (default: the cluster's, else the database in OUT)"


def run(argv: Sequence[str]) -> int:
    """Parse and run; the exit code."""
    args = _parser().parse_args(argv)
    for name, shown in PATHS.items():
        if name in args:
            setattr(args, name, paths.absolute(getattr(args, name), shown))
    console = Terminal()
    if args.action == "settings":
        from randteach.cli.commands import settings

        print(settings.table(), end="")
        return 0
    if args.action == "datasets":
        from loaders.datasets import page

        print(page.table(), end="")
        return 0
    if args.action == "ui":
        from randteach.cli.commands import ui

        return ui.ui(args.out, args.port)
    if args.action == "serve":
        from randteach.cli.commands import ui

        return ui.serve(_store(args), args.port)
    if args.action == "token":
        from randteach.environment import security

        print(f"{security.ensure_token()}: the token of Ray, readable by you alone")
        return 0
    if args.action == "doctor":
        from randteach.cli.commands import doctor

        return doctor.run(_store(args), args.address, args.mlflow, console)
    if args.action == "keys":
        from randteach.cli.commands import keys

        return keys.since(args.since, console) if args.since else keys.show(console)
    store = Store(_store(args))
    with store.reading():
        return _on_store(args, store, console)


def _store(args: argparse.Namespace) -> str:
    """The store that is named, that of the cluster of this node, or the one in OUT."""
    here = args.out == paths.absolute(OUT, "--out")
    there = cluster.here() if here and not args.store else None
    return args.store or (there.store if there else str(args.out / "store"))


def _on_store(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import archive, imports, inventory, upkeep, verify, watch

    if args.action == "import":
        return imports.import_(store, args.file, console)
    store.check_there()
    if args.action == "ls":
        return inventory.ls(store, args.study, args.filters, console, other_code=args.other_code)
    if args.action == "show":
        return inventory.show(store, args.key, console)
    if args.action == "status":
        return watch.status(store, console)
    if args.action == "logs":
        return watch.logs(store, args.key, console)
    if args.action == "verify":
        return verify.verify(store, args.set_aside, console)
    if args.action == "gc":
        return upkeep.gc(store, args.yes, console)
    if args.action == "export":
        return archive.export(store, args.study, args.file, console)
    from randteach.cli.commands import track

    there = cluster.here()
    server = args.mlflow or (there.mlflow if there else None)
    return track.run(args.out, store, args.study, server, console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="randteach", description=__doc__, allow_abbrev=False)
    actions = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")

    def add(name: str, about: str, *, store: bool = True) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=about, description=about, allow_abbrev=False)
        if store or name == "ui":
            action.add_argument("--out", default=OUT, help="folder that a sweep wrote to (default: out)")
        if store:
            action.add_argument("--store", type=given, help="where artifacts are kept (default: OUT/store)")
        return action

    ls = add("ls", "list what is made; name=value filters, by any setting that a result keeps")
    ls.add_argument("--study", help="only what a study consists of")
    ls.add_argument("--other-code", action="store_true", help="only what other code made, with its commit")
    ls.add_argument("filters", nargs="*", metavar="name=value", help="e.g. alpha=0.3,1 net.arch=vgg11")
    add("show", "a job: config, parents, children, provenance, numbers").add_argument("key")
    add("status", "what runs now and how far it is, and how much of each study is made")
    add("logs", "what a job says or said, and how it failed").add_argument("key")
    verify = add("verify", "read every file of every artifact; exit code 1 where any is damaged")
    verify.add_argument("--set-aside", action="store_true", help="have damaged artifacts made again")
    export = add("export", "write a study with all its parents to a tar")
    export.add_argument("study")
    export.add_argument("file")
    add("import", "take what an export holds into the store").add_argument("file")
    gc = add("gc", "list what no recorded study refers to and what dead sweeps left")
    gc.add_argument("--yes", action="store_true", help="remove it")
    track = add("track", "write to MLflow what it lacks, from the store")
    track.add_argument("study", nargs="?", help="(default: all studies)")
    track.add_argument("--mlflow", type=given, help=MLFLOW)
    keys = add("keys", "count and digest of the keys of all plans, by kind", store=False)
    keys.add_argument("--since", metavar="REV", help="name the keys of a git revision that are lost instead")
    ui = add("ui", "open MLflow's UI on this machine's loopback address", store=False)
    ui.add_argument("--port", type=count, default=5000)
    serve = add("serve", "MLflow's server for a cluster, on this machine's loopback address")
    serve.add_argument("--port", type=count, default=5000)
    doctor = add(
        "doctor", "try all that a sweep needs, here and on every node; exit code 1 if some is broken"
    )
    doctor.add_argument(
        "--address", type=given, help="a running Ray cluster's address (default: that of this node)"
    )
    doctor.add_argument("--mlflow", type=given, help=MLFLOW)
    add("token", "make the token that keeps strangers out of Ray, where there is none", store=False)
    add("settings", "list all settings, as docs/settings.md does", store=False)
    add("datasets", "list all data sets, as docs/datasets.md does", store=False)
    return parser
