"""`randteach settings`: every setting, with what it means."""

from randteach.config.schema import settings
from randteach.jobs.choices import CATALOGUES

SETTINGS_PAGE = """\
Printed by `randteach settings`. On a sweep's command line each is `name=value`. Commas sweep
(`alpha=1e-10,0.3,1 seed=0,1`), axes form a product, colons tie settings to one axis
(`net.arch:data.size=resnet18:16,vgg11:32`), square brackets are a list as a value
(`head.hidden_dims=[256,256]`), `null` is no value. Numbers are decimal, without leading zeros or
separators of digits; a text stays as it is typed, in quotes where it has commas. Settings in the key
are part of a result's identity and can be swept; the others change where, how long or how closely one
looks, not what is computed. A study refuses a setting that decides nothing in it."""


def table() -> str:
    """The page of all settings in Markdown: `docs/settings.md`."""
    lines = ["# Settings", "", SETTINGS_PAGE, ""]
    lines += ["| setting | type | default | in the key | meaning |", "|---|---|---|---|---|"]
    for item in settings().values():
        choices = CATALOGUES.get(item.name, item.choices)
        allowed = f" ({', '.join(choices)})" if choices else ""
        default = "null" if item.default is None else str(item.default).lower()
        kind = item.type.replace(" | ", " or ")
        about, key = item.about + allowed, "yes" if item.key else "no"
        lines.append(f"| `{item.name}` | {kind} | `{default}` | {key} | {about} |")
    return "\n".join(lines) + "\n"
