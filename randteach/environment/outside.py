"""A sweep's file from outside the package: it travels as source text, and is imported under a private name.

The driver and each worker import the same text from a file of their own, so that neither the current folder
nor the way a process begins can matter, and no class exists twice in a process.
"""

import hashlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from randteach.environment import cluster, disk
from randteach.errors import UserError

MODULE = "randteach_outside_"  # and a digest: the private name of a module


@dataclass(frozen=True)
class Source:
    """A file's name, for people, and its text."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """Which text it is."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def module(self) -> str:
        """The private name that it is imported under."""
        return MODULE + self.digest


def source_of(path: str | Path) -> Source:
    """A file as it is now; UserError where it can't be read."""
    try:
        return Source(Path(path).name, Path(path).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read ({error}); a sweep's file is Python in UTF-8") from None


def load(source: Source) -> ModuleType:
    """The module of a source, imported once a process; UserError where it raises."""
    if source.module in sys.modules:
        return sys.modules[source.module]
    folder = cluster.caches() / "outside"
    path = folder / f"{source.module}.py"
    with disk.writing(folder, "XDG_CACHE_HOME"):
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != source.text:
            disk.replace(path, source.text.encode())
    spec = importlib.util.spec_from_file_location(source.module, path)
    assert spec and spec.loader
    module = sys.modules[source.module] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[source.module]
        lines = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == str(path)]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else 0)
        why = f"{type(error).__name__}: {error}"
        raise UserError(f"{source.name}, line {line}: can't be imported ({why}); mend it") from None
    return module
