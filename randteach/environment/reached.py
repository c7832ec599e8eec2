"""A digest of what a definition computes with: its statements, and those of all definitions that it reaches.

Docstrings, comments and annotations do not count, and a name counts by what it stands for. So moving or
renaming a definition, or a better sentence, changes nothing.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from randteach.environment import code

Unit = tuple[str, str]  # a module, and a name that its top level defines
Bound = tuple[str, str | None]  # what a name stands for: a module, or something in one
# What a definition has that computes nothing.
SILENT = {
    ast.FunctionDef: ("returns", "type_comment"),
    ast.AsyncFunctionDef: ("returns", "type_comment"),
    ast.AnnAssign: ("annotation", "simple"),
    ast.arg: ("annotation", "type_comment"),
}


class Module:
    """What a module's top level defines, and what its imports bind names to."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, tree = name, ast.parse(path.read_bytes())
        self.definitions = {defined: node for node in _statements(tree.body) for defined in _names(node)}
        # The package's own namespace is imported lazily, from a list for type checkers.
        self.bindings = _bindings(tree, everything=name == "randteach")


class Reach:
    """The definitions of some modules, by their files."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.files = files
        self.modules: dict[str, Module] = {}
        self._known: dict[Unit, str] = {}
        self._open: list[Unit] = []
        self._circling: set[Unit] = set()  # those that reach themselves

    def digest(self, *units: Unit) -> str:
        """A digest of some definitions and of all that they reach; KeyError where there is none of a name."""
        found = "".join(map(self._digest, units))
        return hashlib.sha256(found.encode()).hexdigest()[: code.DIGITS]

    def _module(self, name: str) -> Module:
        if name not in self.modules:
            self.modules[name] = Module(name, self.files[name])
        return self.modules[name]

    def _digest(self, unit: Unit) -> str:
        if unit in self._known:
            return self._known[unit]
        if unit in self._open:  # it reaches itself: how many definitions above
            at = self._open.index(unit)
            self._circling.update(self._open[at:])
            return f"~{len(self._open) - at}"
        self._open.append(unit)
        module = self._module(unit[0])
        node = module.definitions[unit[1]]
        text = _Text(self, module, module.bindings | _bindings(node)).of_definition(node)
        self._open.pop()
        digest = hashlib.sha256(text.encode()).hexdigest()
        if unit not in self._circling:  # else it depends on where one came in
            self._known[unit] = digest
        return digest

    def stands_for(self, module: str, name: str | None) -> str:
        """What counts in place of a name in a module: a digest where the name is one of ours."""
        if module not in self.files:
            return f"{module}.{name}" if name else module
        if name is None:
            return "".join(self._digest((module, one)) for one in sorted(self._module(module).definitions))
        if f"{module}.{name}" in self.files:
            return self.stands_for(f"{module}.{name}", None)
        own = self._module(module)
        if name in own.definitions:
            return self._digest((module, name))
        return self.stands_for(*own.bindings[name]) if name in own.bindings else name

    def module_of(self, module: str, name: str | None) -> str | None:
        """The module of ours that a binding stands for, if it does."""
        if name is None:
            return module if module in self.files else None
        if f"{module}.{name}" in self.files:
            return f"{module}.{name}"
        bound = self._module(module).bindings.get(name) if module in self.files else None
        return self.module_of(*bound) if bound else None


class _Text:
    """A definition as text: what computes in it, and digests in place of names from outside of it."""

    def __init__(self, reach: Reach, module: Module, bindings: Mapping[str, Bound]) -> None:
        self.reach, self.module, self.bindings = reach, module, bindings

    def of_definition(self, node: ast.stmt) -> str:
        """Without the name that it defines."""
        if isinstance(node, ast.Assign | ast.AnnAssign):
            return self._of(node.value)
        return self._of_fields(node, ("name",))

    def _of(self, value: object) -> str:
        if isinstance(value, ast.Name):
            return self._of_name(value.id)
        if isinstance(value, ast.Attribute) and (place := self._module_of(value.value)):
            return self.reach.stands_for(place, value.attr)
        if isinstance(value, ast.AST):
            return self._of_fields(value, ())
        if isinstance(value, list):
            return ",".join(self._of(one) for one in value if not _computes_nothing(one))
        return repr(value)

    def _of_fields(self, node: ast.AST, without: tuple[str, ...]) -> str:
        silent = (*SILENT.get(type(node), ()), *without, "ctx", "kind")
        fields = (self._of(value) for name, value in ast.iter_fields(node) if name not in silent)
        return f"{type(node).__name__}({';'.join(fields)})"

    def _of_name(self, name: str) -> str:
        if name in self.bindings:
            return self.reach.stands_for(*self.bindings[name])
        if name in self.module.definitions:
            return self.reach.stands_for(self.module.name, name)
        return name

    def _module_of(self, node: ast.expr) -> str | None:
        """The module of ours that an expression stands for."""
        if isinstance(node, ast.Name):
            return self.reach.module_of(*self.bindings[node.id]) if node.id in self.bindings else None
        if isinstance(node, ast.Attribute) and (above := self._module_of(node.value)):
            return self.reach.module_of(above, node.attr)
        return None


def _computes_nothing(node: object) -> bool:
    """Whether a statement is a docstring or an import."""
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return text or isinstance(node, ast.Import | ast.ImportFrom)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module's top level, also those that depend on a condition."""
    for node in body:
        if isinstance(node, ast.If | ast.Try | ast.With) and not _is_for_types(node):
            yield from _statements([*node.body, *getattr(node, "orelse", [])])
        else:
            yield node


def _names(node: ast.stmt) -> list[str]:
    """The names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]


def _bindings(node: ast.AST, everything: bool = False) -> dict[str, Bound]:
    """What imports bind names to, in a definition or at a module's top level."""
    found: dict[str, Bound] = {}
    left = [node]
    while left:
        one = left.pop()
        if isinstance(one, ast.Import):
            for alias in one.names:
                first = alias.name.partition(".")[0]
                found[alias.asname or first] = (alias.name if alias.asname else first, None)
        elif isinstance(one, ast.ImportFrom):
            found |= {alias.asname or alias.name: (one.module or "", alias.name) for alias in one.names}
        elif isinstance(node, ast.Module) and isinstance(one, ast.FunctionDef | ast.ClassDef):
            continue  # what is bound in there is its own
        elif everything or not _is_for_types(one):
            left.extend(ast.iter_child_nodes(one))
    return found


def _is_for_types(node: ast.AST) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def files(*packages: Path) -> dict[str, Path]:
    """All modules of some packages by their dotted names."""
    found = {}
    for root in packages:
        for path in root.rglob("*.py"):
            *parts, last = path.relative_to(root.parent).with_suffix("").parts
            found[".".join(parts if last == "__init__" else [*parts, last])] = path
    return found


@cache
def reach(*outside: str) -> Reach:
    """What is installed, and some modules from outside that have been imported."""
    own = {name: Path(sys.modules[name].__file__ or "") for name in outside}
    return Reach(files(*code.packages()) | own)
