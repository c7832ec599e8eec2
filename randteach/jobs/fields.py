"""A record's fields under the names of the settings that they come from."""

from collections.abc import Mapping
from typing import Any

from randteach.config.schema import Head, settings
from randteach.identity import NEVER
from randteach.kinds import KINDS
from randteach.nets import ARCHITECTURES
from randteach.nets.bottleneck import spelled

FILTERS = {name for kind in KINDS.values() for name in kind.settings.values()} - {"net"}
FILTERS |= {"alpha", "variance_preserving", "seed"} | {
    name
    for name, item in settings().items()
    if item.key and name.startswith(("net.", "head.", "distill.", "train."))
}


def named(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A record's values under the names of settings; what no setting decides alone is left out."""
    names, values = KINDS[kind].settings if kind in KINDS else {}, {}
    for path, value in flat(config).items():
        parts = path.split(".")
        for cut in range(len(parts), 0, -1):
            head = ".".join(parts[:cut])
            if head in names:
                path = ".".join([names[head], *parts[cut:]])
                break
        if path in settings():
            values[path] = value
    return _older(config) | values | _left_out(values)


def _older(config: Mapping[str, Any]) -> dict[str, Any]:
    """The values that older records stand for, of settings that were added to their sections since."""
    return {
        name: one.absent
        for name, one in settings().items()
        if one.absent not in (NEVER, None) and isinstance(config.get(name.partition(".")[0]), dict)
    }


def _left_out(values: Mapping[str, Any]) -> dict[str, Any]:
    """What records leave out because it is a network's own."""
    found: dict[str, Any] = {}
    if "net.norm" not in values and (own := ARCHITECTURES.get(values.get("net.arch", ""))):
        found["net.norm"] = own.norms[0]
    if "head.bottleneck" not in values and "head.weight_norm" in values:
        found["head.bottleneck"] = spelled(Head(weight_norm=values["head.weight_norm"] is True))
    return found


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A record with dotted names."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found
