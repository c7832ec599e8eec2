"""`randteach doctor`: all that a sweep needs, tried here and on every node of the cluster."""

import platform
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from randteach.cli.estimate import size
from randteach.environment import cluster, code, paths, security
from randteach.errors import UserError
from randteach.store.store import Store

if TYPE_CHECKING:
    from randteach.engine.ray.placement import Cluster

PACKAGES = ("randteach", "torch", "torchvision", "ray", "mlflow", "ffcv", "numpy", "safetensors")
ROOM = 10e9  # bytes, below which a node or a store is close to full
DRIFT = 5.0  # seconds between clocks, beyond which object stores begin to refuse requests

AGAIN = "there: rm ~/randteach-src/.venv/.setup && ~/randteach-src/infra/setup.sh"  # `ray up` sees no change
Check = tuple[str, bool | None, str, str]  # what, whether it is well (None: worth a look), found, what to do


def run(store: str, address: str | None, server: str | None, console: Console) -> int:
    """Print what was tried as a table; 1 where something is broken."""
    there = cluster.here()
    address, server = (
        address or (there.address if there else None),
        server or (there.mlflow if there else None),
    )
    store = str(paths.absolute(store, "--store")) if "://" not in store else store
    mine = node(store)
    found = [("here", check) for check in [*mine["checks"], *driver(server)]]
    if address:
        try:
            found += [(name, check) for name, checks in nodes(address, store, mine) for check in checks]
        except UserError as error:
            found.append(("cluster", ("Ray", False, str(error), "start it: `ray up infra/cluster.yaml`")))
    table = Table(box=None, pad_edge=False)
    for heading in ("where", "what", "", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    words = {True: Text("ok", "green"), None: Text("look", "yellow"), False: Text("broken", "bold red")}
    for where, (what, well, text, todo) in found:
        table.add_row(where, what, words[well], text, "" if well else todo)
    console.print(table, highlight=False)
    broken = sum(well is False for _, (_, well, _, _) in found)
    console.print(f"{len(found)} checks, {broken} broken", highlight=False)
    return 1 if broken else 0


def node(store: str, sign: str = "") -> dict[str, Any]:
    """Check this machine, the driver's sign in the store included; runs here and on each node."""
    checks = [_gpus(), _ffcv(), _token(), _space(), _data(), _store(store, sign)]
    return {"time": time.time(), "code": code.digest(), "versions": _versions(), "checks": checks}


def driver(server: str | None) -> list[Check]:
    """What the driver alone needs: safe versions, MLflow."""
    return [_safe(), _mlflow(server)]


def nodes(address: str, store: str, mine: dict[str, Any]) -> list[tuple[str, list[Check]]]:
    """What each node finds, and whether it agrees with this machine."""
    from randteach.engine.ray import connection, nodes

    with connection.connected(address), _sign(store) as sign:
        look = connection.look()
        answers = nodes.on_each(partial(node, store, sign))
    found: list[tuple[str, list[Check]]] = [("cluster", [_count(len(answers), look)])]
    for answer in answers:
        if answer.error:
            what, todo = ("answer", "`ray status`: is it there?") if answer.lost else ("code", nodes.MEND)
            found.append((answer.node, [(what, False, answer.error, todo)]))
            continue
        theirs = answer.value
        same = theirs["code"] == mine["code"]
        checks: list[Check] = [("code", same, theirs["code"], nodes.MEND)]
        other = [
            f"{name} {theirs['versions'][name]}" for name in mine["versions"] if not _same(name, mine, theirs)
        ]
        text = ", ".join(other) or "as here"
        checks.append(("versions", not other, text, AGAIN))
        off = max(answer.asked - theirs["time"], theirs["time"] - answer.heard, 0.0)
        checks.append(("clock", off < DRIFT, f"{off:.0f} s off, at least", "set it: install chrony"))
        found.append((answer.node, checks + theirs["checks"]))
    return found


def _count(there: int, cluster: "Cluster") -> Check:
    """How many nodes there are to try, of those that there can be."""
    if cluster.unknown:
        todo = "wait; `ray monitor infra/onprem.yaml` shows how they are set up"
        return "nodes", None, f"{there} there, of more that the cluster's file names", todo
    if (more := cluster.most - sum(cluster.here.get(node, 0) for node in cluster.types)) > 0:
        return "nodes", None, f"{there} there, {more} more can be started", "try again while a sweep runs"
    return "nodes", True, f"{there} there", ""


def _same(name: str, mine: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return bool(mine["versions"][name] == theirs["versions"][name])


def _versions() -> dict[str, str]:
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _gpus() -> Check:
    """Torch's GPUs, beside those of the driver, and of Ray where this is asked on a node."""
    import torch

    count, offered = torch.cuda.device_count(), 0
    if (ray := sys.modules.get("ray")) and ray.is_initialized():  # a laptop need not import it
        me = ray.get_runtime_context().get_node_id()
        offered = next(int(n["Resources"].get("GPU", 0)) for n in ray.nodes() if n["NodeID"] == me)
    names = ", ".join(sorted({torch.cuda.get_device_name(n) for n in range(count)}))
    if offered > count:
        todo = "jobs there would fail: install NVIDIA's driver, or mend the node type's `resources`"
        return "GPUs", False, f"torch sees {count}, Ray offers {offered}", todo
    driver = Path("/proc/driver/nvidia/version").exists()
    well = True if count else False if driver else None
    todo = "torch does not see the GPU: compare the driver's CUDA with torch's" if driver else "CPUs alone"
    return "GPUs", well, f"{count} {names}".strip(), todo


def _ffcv() -> Check:
    if not find_spec("ffcv"):
        return "FFCV", None, "not installed", "`make setup`; loader=memory gives the same numbers"
    try:
        import ffcv  # noqa: F401
    except Exception as error:  # a library that it needs
        return "FFCV", False, str(error), "`make setup` builds it anew; or loader=memory"
    return "FFCV", True, version("ffcv"), ""


def _space() -> Check:
    import shutil

    folder = cluster.caches()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    return "disk", free > ROOM or None, f"{size(free)} free for {folder}", "free some, or set XDG_CACHE_HOME"


def _data() -> Check:
    from loaders.datasets import DATASETS
    from loaders.datasets.mnist import DEBIAN

    folder = cluster.data()
    kept = sorted(path.stem for path in folder.glob("*.json")) if folder.exists() else []
    kept += ["fashion_mnist (Debian's)"] if DEBIAN.exists() else []
    known = ", ".join(kept) or "none yet"
    return "data sets", True if kept else None, known, f"fetched when first used: {', '.join(DATASETS)}"


@contextmanager
def _sign(address: str) -> Iterator[str]:
    """A file in the store, by which nodes tell whether it is the same one; no name where that fails."""
    sign = f"doctor-{secrets.token_hex(4)}"
    try:
        storage = Store(address).storage
        storage.create(sign, b"")
    except (UserError, OSError):
        yield ""
        return
    try:
        yield sign
    finally:
        with suppress(OSError):
            storage.remove(sign)


def _store(address: str, sign: str) -> Check:
    """A round trip: written, read, and not to be written twice; and it is the driver's."""
    try:
        store = Store(address)
        store.prepare()
        free = store.storage.free_bytes()
        if sign and not store.storage.exists(sign):
            return "store", False, f"{address} is another one than the driver's", "mount the same folder here"
    except UserError as error:
        return "store", False, str(error), "name another one, or mend its permissions"
    full = free is not None and free < ROOM
    return (
        "store",
        None if full else True,
        address if free is None else f"{address}, {size(free)} free",
        "nearly full: `randteach gc`, or another disk",
    )


def _safe() -> Check:
    try:
        security.check()
    except UserError as error:
        return "safety", False, str(error), "see docs/security.md"
    found = ", ".join(f"{name} {version(name)}" for name in security.FLOORS)
    return "safety", True, f"{found}; Ray asks for its token", ""


def _token() -> Check:
    try:
        security.check_token()
    except UserError as error:
        return "token", False, str(error), "`randteach token`"
    return "token", True, f"{security.token_file()}, yours alone", ""


def _mlflow(server: str | None) -> Check:
    """A round trip: an experiment is made, a number written, read again, and all of it deleted."""
    if not server:
        return "MLflow", True, "a database in each OUT, no server", ""
    from mlflow import MlflowClient

    from randteach.tracking import quiet

    quiet.be_quiet()
    try:
        client = MlflowClient(server)
        experiment = client.create_experiment(f"doctor-{secrets.token_hex(4)}")
        try:
            run = client.create_run(experiment).info.run_id
            client.log_metric(run, "pulse", 1.0)
            read = client.get_run(run).data.metrics.get("pulse")
        finally:
            with suppress(Exception):
                client.delete_experiment(experiment)
    except Exception as error:  # whatever MLflow raises
        todo = "on the head: `randteach serve --store STORE`; a sweep goes on without it"
        return "MLflow", False, f"{server}: {quiet.said(error)}", todo
    return "MLflow", read == 1.0, server, "it does not give back what was written"
