"""A record's fields under the names of the settings that they come from."""

from collections.abc import Mapping
from typing import Any

from randteach.config.schema import settings

# Where a record's fields have other names than the settings that they come from.
_PROBED = {
    "samples.name": "probe.data",
    "samples.size": "data.size",
    "samples.channels": "data.channels",
    "samples.count": "probe.train_size",
    "test_count": "probe.test_size",
    "reference.net": "net",
    "reference.norm": "distill.teacher_norm",
    "reference.seed": "seeds.teacher",
}
RENAMED = {
    "distill": {
        "samples.name": "data.name",
        "samples.size": "data.size",
        "samples.channels": "data.channels",
        "samples.count": "data.train_size",
        "samples.sigma": "data.sigma",
        "samples.seed": "seeds.noise",
        "augment": "data.augment",
        "teacher.net": "net",
        "teacher.norm": "distill.teacher_norm",
        "teacher.seed": "seeds.teacher",
        "seed_student": "seeds.student",
        "seed_order": "seeds.order",
        "seed_augment": "seeds.augment",
    },
    "probe": {
        **_PROBED,
        "epochs": "probe.epochs",
        "batch_size": "probe.batch_size",
        "lr": "probe.lr",
        "weight_decay": "probe.weight_decay",
        "neighbours": "probe.neighbours",
        "seed": "seeds.probe",
    },
    "measure": _PROBED,
    "train": {
        "samples.name": "probe.data",
        "samples.size": "data.size",
        "samples.channels": "data.channels",
        "samples.count": "probe.train_size",
        "test_count": "probe.test_size",
        "seed_classifier": "seeds.train",
        "seed_order": "seeds.order",
        "seed_augment": "seeds.augment",
        "start.net": "net",
        "start.seed": "seeds.teacher",
    },
    "mask": {
        "fraction": "tickets.fraction",
        "scope": "tickets.scope",
        "channels": "data.channels",
        "size": "data.size",
        "seed": "seeds.train",
    },
    "connect": {
        "samples.name": "probe.data",
        "samples.size": "data.size",
        "samples.channels": "data.channels",
        "samples.count": "connect.train_size",
        "test_count": "connect.test_size",
        "points": "connect.points",
    },
    "plane": {
        "coordinates": "plane.coordinates",
        "margin": "plane.margin",
        "norm": "plane.norm",
        "teacher.net": "net",
        "teacher.seed": "seeds.teacher",
        "probe.samples.name": "probe.data",
        "probe.samples.size": "data.size",
        "probe.samples.channels": "data.channels",
        "probe.samples.count": "plane.train_size",
        "probe.test_count": "plane.test_size",
        "probe.seed": "seeds.probe",
    },
}
FILTERS = {name for item in RENAMED.values() for name in item.values()} - {"net"}
FILTERS |= {"alpha", "variance_preserving", "seed"} | {
    name
    for name, item in settings().items()
    if item.key and name.startswith(("net.", "head.", "distill.", "train."))
}


def named(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A record's values under the names of settings; what no setting decides alone is left out."""
    names, values = RENAMED.get(kind, {}), {}
    for path, value in flat(config).items():
        parts = path.split(".")
        for cut in range(len(parts), 0, -1):
            head = ".".join(parts[:cut])
            if head in names:
                path = ".".join([names[head], *parts[cut:]])
                break
        if path in settings():
            values[path] = value
    return values


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A record with dotted names."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found
