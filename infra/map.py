"""Draw which folder imports which: `make map`, of the working tree or of a git revision.

python infra/map.py [REVISION] FILE.svg
"""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

# Folders from the bottom to the top: each imports only from those before it.
LAYERS = (
    "loaders",
    "identity",
    "errors",
    "environment",
    "config",
    "nets",
    "specs",
    "stages",
    "kinds",
    "jobs",
    "storage",
    "store",
    "engine",
    "report",
    "tracking",
    "cli",
    "api",
)


def sources(revision: str = "") -> dict[str, str]:
    """The text of each module by its dotted name."""
    if revision:
        git = ["git", "ls-tree", "-r", "--name-only", revision, "randteach", "loaders"]
        paths = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split()
    else:
        paths = [str(path) for package in ("randteach", "loaders") for path in Path(package).rglob("*.py")]
    found = {}
    for path in paths:
        if path.endswith(".py"):
            show = ["git", "show", f"{revision}:{path}"]
            text = (
                subprocess.run(show, capture_output=True, text=True, check=True).stdout
                if revision
                else Path(path).read_text()
            )
            found[path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = text
    return found


def imports(modules: Mapping[str, str], *, at_start: bool = False) -> dict[str, set[str]]:
    """The modules that each imports; those alone that it needs to be imported itself, `at_start`."""
    found: dict[str, set[str]] = {name: set() for name in modules}
    for name, text in modules.items():
        tree = ast.parse(text)
        for node in tree.body if at_start else ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for item in node.names:
                    full = f"{node.module}.{item.name}"
                    found[name] |= {full if full in modules else node.module} & modules.keys() - {name}
            elif isinstance(node, ast.Import):
                found[name] |= {item.name for item in node.names} & modules.keys() - {name}
    return found


def folder(module: str) -> str:
    """The folder, or the single module, that a module lies in: `loaders`, `stages`, `api`."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] or package if package == "randteach" else package


def between(found: Mapping[str, set[str]]) -> Counter[tuple[str, str]]:
    """How many imports lead from one folder to another; the package's own lazy doors are none."""
    pairs = ((folder(one), folder(other)) for one, others in found.items() for other in others)
    return Counter((one, other) for one, other in pairs if one != other and "randteach" not in (one, other))


def draw(counts: Mapping[tuple[str, str], int], file: Path) -> None:
    """Folders in rows, from the top down; red arrows lead up."""
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch

    there = sorted({name for pair in counts for name in pair})
    known = [name for name in LAYERS if name in there]
    order = known if len(known) == len(there) else _sorted(there, counts)
    width = 1 + max(len(name) for name in order) / 8
    figure = Figure(figsize=(8, 0.5 * len(order) + 0.4), layout="constrained")
    panel = figure.add_subplot()
    panel.set_axis_off()
    height = {name: row for row, name in enumerate(order)}
    for (one, other), count in counts.items():
        down = height[one] > height[other]
        bend = 0.25 + 0.02 * abs(height[one] - height[other])
        panel.add_patch(
            FancyArrowPatch(
                (width if down else 0, height[one]),
                (width if down else 0, height[other]),
                connectionstyle=f"arc3,rad={-bend}",
                arrowstyle="-|>",
                mutation_scale=9,
                linewidth=0.5 + min(2.0, count / 8),
                color="#5b7fa6" if down else "#c0392b",
                alpha=0.75,
            )
        )
    for name, row in height.items():
        style = {"boxstyle": "round,pad=0.35", "facecolor": "#f2f4f7", "edgecolor": "#33415c"}
        panel.text(width - 0.25, row, name, ha="right", va="center", fontsize=9, bbox=style)
    panel.set_xlim(
        -1 if all(height[one] > height[other] for one, other in counts) else -4, width + 0.27 * len(order)
    )
    panel.set_ylim(-0.6, len(order) - 0.4)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=80)


def _sorted(names: list[str], counts: Mapping[tuple[str, str], int]) -> list[str]:
    """Names with few arrows upwards: next comes what imports least of the rest."""
    order, left = list[str](), list(names)
    while left:
        order.append(min(left, key=lambda one: sum(counts.get((one, other), 0) for other in left)))
        left.remove(order[-1])
    return order


if __name__ == "__main__":
    *revision, where = sys.argv[1:]
    draw(between(imports(sources(*revision))), Path(where))
