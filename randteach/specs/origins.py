"""Where a spec's fields come from: the settings that decide them."""

from dataclasses import fields
from typing import Any, get_type_hints

# Of the samples that probes use.
PROBED = {
    "name": "probe.data",
    "size": "data.size",
    "channels": "data.channels",
    "count": "probe.train_size",
}


class From:
    """The setting that a field comes from, or those that its own fields come from, by their names.

    A field without one comes from the setting of its own dotted name, if there is one.
    """

    def __init__(self, setting: str = "", **inner: str) -> None:
        self.setting, self.inner = setting, inner


def settings_of(spec: Any) -> dict[str, str]:
    """Settings by the dotted names of the fields that come from them."""
    found: dict[str, str] = {}
    hints = get_type_hints(spec, include_extras=True)
    for item in fields(spec):
        for origin in getattr(hints[item.name], "__metadata__", ()):
            if isinstance(origin, From):
                found |= {item.name: origin.setting} if origin.setting else {}
                found |= {f"{item.name}.{name}": setting for name, setting in origin.inner.items()}
    return found
