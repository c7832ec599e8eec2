"""What machines have, and whether a plan fits them: jobs' resources, days without a GPU, room for results."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console

from randteach.cli import estimate
from randteach.config.overrides import Axes
from randteach.engine.progress import duration
from randteach.environment import numerics
from randteach.errors import UserError
from randteach.jobs.job import Job
from randteach.kinds import KINDS
from randteach.store.store import Store

if TYPE_CHECKING:
    from randteach.engine.ray.placement import Cluster

DAY = 86400


def there(address: str | None) -> "Cluster":
    """Look at the named cluster, or at this machine if none is named."""
    from randteach.engine.ray import connection, placement

    return connection.cluster(address) if address else placement.machine()


def fill_in(axes: Axes, have: "Cluster", console: Console) -> Axes:
    """Fill in settings that depend on machines and enter no key: the reader, and GPUs for all but probes."""
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
    if have.gpus:
        for kind in KINDS.values():
            if kind.gpu and kind.resources:
                values.setdefault(f"resources.{kind.resources}.gpus", (1.0,))
    elif have.unknown and "resources.distill.gpus" not in values:
        console.print(
            "No GPU is there, and machines are still to join: this start uses CPUs. If one of them is "
            "to bring a GPU: stop, wait until `ray status` shows it, and submit again"
        )
    return replace(axes, values=values)


def check_data(missing: Sequence[Job], axes: Axes, address: str | None) -> None:
    """Raise DataError if a split that the missing jobs read is too large for reader or cluster."""
    from loaders import refuse_large
    from randteach.engine.inputs import read

    (loader,) = axes.values["loader"]
    held = [f"loader={loader}"] * (loader != "ffcv") + ["--address"] * bool(address)
    splits = {(one.name, split, one.size, one.channels) for one, split in read(missing)}
    for name, split, size, channels in sorted(splits):
        for setting in held:
            refuse_large(name, split, size, channels, setting)


def check_precision(missing: Sequence[Job], address: str | None, console: Console) -> None:
    """Raise UserError for TF32 without a GPU, and say where bfloat16 will be slow."""
    asked = {(job.kind, getattr(job.spec, "precision", "fp32"), job.slot.gpus > 0) for job in missing}
    for kind, precision, gpu in sorted(asked):
        if precision == "tf32" and not gpu:
            raise UserError(
                f"{kind}.precision=tf32: only GPUs have it, and resources.{kind}.gpus is 0; give fp32 or bf16"
            )
        if precision == "bf16" and not gpu and not address and not numerics.bf16_units():
            console.print(
                f"{kind}.precision=bf16: without AVX512_BF16 and AMX this CPU is slower than in fp32"
            )


def check_room(missing: Sequence[Job], store: Store) -> None:
    """Raise UserError if the store has no space for the missing jobs."""
    need, free = estimate.storage(missing), store.storage.free_bytes()
    if free is not None and need > free:
        raise UserError(
            f"--store {store.address}: the plan needs {estimate.size(need)}, {estimate.size(free)} are "
            "free; give another place with --store, or fewer points"
        )


def check_time(missing: Sequence[Job], console: Console) -> None:
    """Raise UserError if training would take days on CPUs."""
    if not missing or any(job.slot.gpus for job in missing):
        return
    cores = len(os.sched_getaffinity(0))
    seconds = estimate.measured_seconds(missing, cores)
    console.print(f"  without a GPU: about {duration(seconds)} on these {cores} cores")
    if seconds > DAY:
        raise UserError(
            f"--preset paper: takes about {duration(seconds)} on {cores} CPU cores without a GPU; "
            "--preset mini takes minutes, --yes runs this one all the same"
        )
