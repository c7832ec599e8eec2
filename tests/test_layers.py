"""The house: which folder may import which, no circles, small files, and what an import costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import randteach
from infra import map as house

MODULES = house.sources()
LONGEST = 250  # lines of a file


def test_folders_import_only_those_below_them() -> None:
    rank = {name: row for row, name in enumerate(house.LAYERS)}
    counts = house.between(house.imports(MODULES))
    assert {name for pair in counts for name in pair} <= rank.keys()
    assert {pair for pair in counts if rank[pair[0]] < rank[pair[1]]} == set()


def test_no_module_imports_itself_by_others() -> None:
    found = house.imports(MODULES, at_start=True)
    ended: set[str] = set()

    def follow(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in ended:
            for other in sorted(found[module]):
                if not other.startswith(module + ".") and not module.startswith(other + "."):
                    follow(other, (*path, module))
            ended.add(module)

    for module in found:
        follow(module, ())


@pytest.mark.parametrize(("module", "heavy"), [("randteach", "torch"), ("randteach", "pandas")])
def test_importing_the_package_is_cheap(module: str, heavy: str) -> None:
    program = f"import sys, {module}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_plan_waits_for_no_table_and_no_figure(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom sweeps.init_distance import STUDY\nfrom randteach.cli import main\n"
        f"argv = ['--preset', 'mini', '--local', '--dry-run', '--out', {str(tmp_path)!r}]\n"
        "assert main._sweep(STUDY, argv) == 0\n"
        "sys.exit(bool({'pandas', 'matplotlib', 'mlflow'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_are_small() -> None:
    long = {name: len(text.splitlines()) for name, text in MODULES.items() if text.count("\n") > LONGEST}
    assert long == {}


def test_one_namespace_has_all_that_a_sweep_needs() -> None:
    assert all(getattr(randteach, name) is not None for name in dir(randteach))
    assert dir(randteach) == sorted(dir(randteach))
    for path in Path("sweeps").glob("*.py"):
        assert "from randteach" not in path.read_text()
