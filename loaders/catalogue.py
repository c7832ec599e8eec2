"""Catalogues: things that are declared once, and found by their name."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from loaders.errors import UserError


class Named(Protocol):
    """What a catalogue holds; a property `wrong`, if there is one, says why it can't be right."""

    @property
    def name(self) -> str:
        """The name, unique in its catalogue."""


T = TypeVar("T", bound=Named)


class Catalogue(Mapping[str, T], Generic[T]):
    """Declarations by name, in the order in which they were added.

    `what` is what users call one of them, "data set".
    """

    def __init__(self, what: str, declared: Iterable[T] = ()) -> None:
        self.what = what
        self._found: dict[str, T] = {}
        self.add(*declared)

    def add(self, *declared: T) -> None:
        """Add declarations; ValueError where another one has the name. The same one twice is harmless.

        Raises UserError for one that can't be right.
        """
        for one in declared:
            if wrong := getattr(one, "wrong", ""):
                raise UserError(f"{self.what} {one.name}: {wrong}")
            if self._found.setdefault(one.name, one) != one:
                raise ValueError(f"{one.name}: there are two declarations of a {self.what} of this name")

    def find(self, name: str, setting: str = "") -> T:
        """The declaration of that name; UserError, naming the setting, where there is none."""
        if name not in self._found:
            near = difflib.get_close_matches(name, self._found, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            given = f"{setting}={name}" if setting else name
            raise UserError(f"{given}: no such {self.what}; {hint}there are {', '.join(self._found)}")
        return self._found[name]

    @contextmanager
    def extended(self, *declared: T) -> Iterator[None]:
        """Hold further declarations for a while."""
        before = dict(self._found)
        try:
            self.add(*declared)
            yield
        finally:
            self._found = before

    def __getitem__(self, name: str) -> T:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
