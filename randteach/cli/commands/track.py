"""`randteach track`: MLflow's runs, made from the store."""

from pathlib import Path

from rich.console import Console

from randteach.cli.commands.inventory import left_out
from randteach.environment import paths
from randteach.errors import Unreadable, UserError
from randteach.store import plans
from randteach.store.store import Store
from randteach.tracking import quiet
from randteach.tracking import tree as tracking


def run(out: Path, store: Store, study: str | None, server: str | None, console: Console) -> int:
    """Write all that MLflow lacks of a study, or of all; UserError where it can't be written."""
    for name in [study] if study else plans.studies(store):
        try:
            plans.last(store, name, left_out(console))
        except Unreadable:
            if study:
                raise
            continue
        try:
            status = tracking.track(out, store, name, server)
        except Exception as error:  # whatever MLflow raises
            place = f"--mlflow {server}" if server else f"--out {out}"
            raise UserError(f"{place}: MLflow can't be written: {quiet.said(error)}") from None
        place = server or paths.short(out / "mlflow.db")
        console.print(f"{name}: {status.lower()}, written to {place}", highlight=False)
    return 0
