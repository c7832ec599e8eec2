"""`randteach verify`: check that everything is whole."""

import re
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import PurePath

from rich.console import Console

from randteach.cli.estimate import size
from randteach.errors import Damaged, Unknown, Unreadable, UserError
from randteach.identity import names
from randteach.identity.artifact import Artifact
from randteach.storage.places import STRAYS
from randteach.store import plans
from randteach.store.store import Store

OWN = re.compile(rf"done(/{names.KIND}(/{names.PREFIX})?)?")  # folders of commits


class Verifier:
    """Read a whole store and report what is damaged."""

    def __init__(self, store: Store, set_aside: bool, console: Console) -> None:
        self.store, self.asked, self.console = store, set_aside, console
        self.count = self.total = self.damaged = self.unknown = 0

    def run(self) -> int:
        """Look at all artifacts and plans; 1 where something is not what was written."""
        for artifact in self.store.all(self._unread):
            self.count += 1
            self._artifact(artifact)
        for artifact in self.store.strange():
            self._newer(str(Unknown(artifact, "a kind")))
        for paths in plans.every_file(self.store, self._unread_plan).values():
            for path in paths:
                self._plan(path)
        return self._close()

    def _artifact(self, artifact: Artifact) -> None:
        try:
            self.store.verify(artifact)
            self.total += self.store.commit_of(artifact).size
        except KeyError:
            return  # set aside meanwhile
        except Unknown as newer:
            self._newer(str(newer))
        except Damaged as damage:
            self._damage(str(damage), partial(self.store.set_aside, damage))
        except OSError as error:  # out of reach
            self._damage(f"{artifact.kind} {artifact.name}: can't be read ({error})")

    def _plan(self, path: str) -> None:
        try:
            plans.check(self.store, path)
        except Unreadable as trouble:
            if trouble.newer:
                self._newer(str(trouble))
            else:
                self._damage(str(trouble), partial(plans.set_aside, self.store, path))
        except OSError as error:
            self._damage(f"{self.store.storage.where(path)}: can't be read ({error})")

    def _unread_plan(self, trouble: Unreadable) -> None:
        self._damage(str(trouble))

    def _unread(self, place: str, error: OSError) -> None:
        """A folder of commits can't be read, or is none; a file of somebody else's may be there."""
        if OWN.fullmatch(place):
            aside = f"{STRAYS}/{PurePath(place).name}-{secrets.token_hex(8)}"
            said = f"{self.store.storage.where(place)}: {error.strerror}"
            self._damage(said, partial(self.store.storage.move, place, aside))

    def _newer(self, text: str) -> None:
        self.unknown += 1
        self._say(f"unknown: {text}", "yellow")

    def _damage(self, text: str, set_aside: Callable[[], None] | None = None) -> None:
        self.damaged += 1
        self._say(f"damaged: {text}", "red")
        if self.asked and set_aside:
            try:
                with self.store.writing():
                    set_aside()
            except UserError as error:
                self._say(f"can't be set aside: {error}", "red")

    def _say(self, text: str, style: str) -> None:
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def _close(self) -> int:
        note = f", {self.unknown} unknown" if self.unknown else ""
        said = f"{self.count} artifacts, {size(self.total)} whole, {self.damaged} damaged{note}"
        self.console.print(said, highlight=False)
        if self.damaged:
            then = "set aside: the next start of their study makes them again"
            self.console.print(then if self.asked else "`randteach verify --set-aside` has them made again")
        return 1 if self.damaged else 0


def verify(store: Store, set_aside: bool, console: Console) -> int:
    """Read every file of every artifact; 1 where something is not what was written."""
    return Verifier(store, set_aside, console).run()
