"""The `randteach` command: all but running a sweep."""

import argparse
from collections.abc import Callable, Sequence

from rich.console import Console

from randteach.cli.options import count, given
from randteach.environment import cluster, paths
from randteach.environment.console import Terminal
from randteach.store.store import Store

OUT = "out"
PATHS = {"out": "--out", "file": "FILE"}  # that options and arguments name; a store can be in a bucket
MLFLOW = "MLflow's server (default: the cluster's, else the database in OUT)"


Action = Callable[[argparse.Namespace, Console], int]
OnStore = Callable[[argparse.Namespace, Store, Console], int]


def run(argv: Sequence[str]) -> int:
    """Parse and run; the exit code."""
    args = _parser().parse_args(argv)
    for name, shown in PATHS.items():
        if name in args:
            setattr(args, name, paths.absolute(getattr(args, name), shown))
    console = Terminal()
    if args.action in ACTIONS:
        return ACTIONS[args.action](args, console)
    store = Store(_store(args))
    with store.reading():
        if args.action != "import":
            store.check_there()
        return ON_STORE[args.action](args, store, console)


def _store(args: argparse.Namespace) -> str:
    """Find the store: the named one, the one of this node's cluster, or the one in OUT."""
    here = args.out == paths.absolute(OUT, "--out")
    there = cluster.here() if here and not args.store else None
    return args.store or (there.store if there else str(args.out / "store"))


def _settings(args: argparse.Namespace, console: Console) -> int:
    from randteach.cli.commands import settings

    print(settings.table(), end="")
    return 0


def _datasets(args: argparse.Namespace, console: Console) -> int:
    from loaders.datasets import page

    print(page.table(), end="")
    return 0


def _dataset(args: argparse.Namespace, console: Console) -> int:
    from randteach.cli.commands import dataset

    return dataset.add(args.file, args.size, args.name, console)


def _ui(args: argparse.Namespace, console: Console) -> int:
    from randteach.cli.commands import ui

    return ui.ui(args.out, args.port)


def _serve(args: argparse.Namespace, console: Console) -> int:
    from randteach.cli.commands import ui

    return ui.serve(_store(args), args.port)


def _token(args: argparse.Namespace, console: Console) -> int:
    from randteach.environment import security

    print(f"{security.ensure_token()}: the token of Ray, readable by you alone")
    return 0


def _doctor(args: argparse.Namespace, console: Console) -> int:
    from randteach.cli.commands import doctor

    return doctor.run(_store(args), args.address, args.mlflow, console)


def _keys(args: argparse.Namespace, console: Console) -> int:
    from randteach.cli.commands import keys

    return keys.since(args.since, console) if args.since else keys.show(console)


ACTIONS: dict[str, Action] = {
    "dataset": _dataset,
    "datasets": _datasets,
    "doctor": _doctor,
    "keys": _keys,
    "serve": _serve,
    "settings": _settings,
    "token": _token,
    "ui": _ui,
}


def _import(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import imports

    return imports.import_(store, args.file, console)


def _ls(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import inventory

    return inventory.ls(store, args.study, args.filters, console, other_code=args.other_code)


def _show(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import inventory

    return inventory.show(store, args.key, console)


def _status(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import watch

    return watch.status(store, console)


def _logs(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import watch

    return watch.logs(store, args.key, console)


def _verify(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import verify

    return verify.verify(store, args.set_aside, console)


def _gc(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import upkeep

    return upkeep.gc(store, args.yes, console)


def _export(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import archive

    return archive.export(store, args.study, args.file, console)


def _report(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import report

    return report.write(store, args.out, console)


def _track(args: argparse.Namespace, store: Store, console: Console) -> int:
    from randteach.cli.commands import track

    there = cluster.here()
    server = args.mlflow or (there.mlflow if there else None)
    return track.run(args.out, store, args.study, server, console)


ON_STORE: dict[str, OnStore] = {
    "export": _export,
    "gc": _gc,
    "import": _import,
    "logs": _logs,
    "ls": _ls,
    "report": _report,
    "show": _show,
    "status": _status,
    "track": _track,
    "verify": _verify,
}


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
    add(
        "report", "write OUT/report.html: the paper's claims and all studies, in one file that needs no other"
    )
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
    about = "print the declaration of a data set of one's own, with its checksum"
    own = add("dataset", about, store=False).add_subparsers(dest="what", required=True, metavar="ACTION")
    one = own.add_parser("add", help=about, description=about, allow_abbrev=False)
    images = "train/CLASS/*.png and test/CLASS/*.png, an .npz, or part0.npz and so on"
    one.add_argument("file", metavar="FOLDER", help=images)
    one.add_argument("--size", type=count, help="height and width that its images are brought to")
    one.add_argument("--name", help="prefix and name (default: mylab.FOLDER)")
    return parser
