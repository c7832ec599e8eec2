"""For notebooks: a trained encoder by its key, and a study's numbers."""

from pathlib import Path

import pandas as pd
from torch import nn

from randteach import nets
from randteach.errors import UserError
from randteach.report import table as tables
from randteach.store import plans
from randteach.store.lookup import damage_told, network
from randteach.store.store import Store

STORE = Path("out/store")


def load(key: str, step: int | None = None, store: str | Path = STORE) -> nn.Module:
    """A trained encoder, a student's or a supervised one, in evaluation mode: x_BCHW to embedding_BD.

    `key` may be shortened as far as it stays unique; without `step` it is the last snapshot that has
    weights. Raises UserError where that names no snapshot, or several students.
    """
    place = Store(store)
    with damage_told():
        return _load(place, key, step)


def _load(place: Store, key: str, step: int | None) -> nn.Module:
    found = [a for a in place.find(key) if a.kind in ("distill", "train") and step in (None, a.step)]
    found = [a for a in found if "encoder.safetensors" in place.commit_of(a).files]
    students = sorted({artifact.key for artifact in found})
    if len(students) != 1:
        what = f"fits {', '.join(students)}" if students else "is no student with such a snapshot"
        raise UserError(f"key={key} step={step}: {what}, in {place.address}")
    artifact = max(found, key=lambda a: a.step or 0)
    encoder = nets.build(*network(place, artifact))
    encoder.load_state_dict(place.weights(artifact, "encoder"))
    return encoder.eval()


def table(study: str, store: str | Path = STORE) -> pd.DataFrame:
    """The tidy table of the plan that a study ran last, from what the store holds of it."""
    place = Store(store)
    settings = plans.last(place, study).get("settings", {})
    return tables.build(place, study, plans.entries(place, study), settings)
