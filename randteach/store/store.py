"""Artifacts at their keys: committed once, verified when read.

    objects/KIND/ab/KEY[@STEP]/ATTEMPT/...   an attempt's files
    done/KIND/ab/KEY[@STEP].json             the commit: names, sizes and checksums of the winner's files
    aside/KIND/KEY[@STEP]/ATTEMPT...         commits and files of artifacts that were found damaged
    code/DIGEST/KIND/ab/KEY[@STEP].json      an empty note: this code has made the result
    reports/NAME/...                         tables and figures of sweeps that ran on a cluster
    studies/NAME/DIGEST.json, runs/N.json    each plan, and the starts that ran it, recorded before they run

A commit is one file, made by exclusive creation (a hard link, or a conditional put): of two equal attempts
the first wins and the other is dropped. Files last before the commit is there, so a commit never names a
file that is not there whole. Weights are safetensors, rows JSON lines. What is unfinished is `work.py`'s,
where files are `storage`'s business. How artifacts are found and read is `artifacts.py`'s.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import safetensors.torch
import torch

from randteach.environment import code, disk
from randteach.errors import Damaged, Unknown, UserError
from randteach.identity import names, plain
from randteach.identity.artifact import Artifact
from randteach.identity.names import session_of
from randteach.jobs import made_by
from randteach.kinds import revisions
from randteach.storage import LAYOUT
from randteach.store import commits
from randteach.store.artifacts import Artifacts, commit_name, folder, note_name
from randteach.store.commits import sealed

FOLDERS = {"objects", "done", "aside", "reports", "studies", "sessions", "work", "failed", "data", "code"}
FORMAT = 1  # of the store's layout; a store of a newer one is refused
GONE = "has gone while the sweep ran"


class Store(Artifacts):
    """A store at an address: a folder of a local or shared disk, or a place in a bucket."""

    def prepare(self) -> None:
        """Try to write, and lay the store out; UserError where that fails or the format is newer."""
        self.storage.check()
        with self.writing(), suppress(FileExistsError):
            self.storage.create(LAYOUT, json.dumps({"format": FORMAT}).encode())
        self.check_format()

    def check_there(self) -> None:
        """UserError where there is no store at the address, or a newer one."""
        if self._format() is None:
            raise UserError(f"--store {self.address}: there is no store; name the place that a sweep made")

    def check_format(self) -> None:
        """UserError where a newer version of this software has laid the store out."""
        self._format()

    def _format(self) -> int | None:
        """The format's number; None where there is no store."""
        where = self.storage.where(LAYOUT)
        try:
            links = FOLDERS.intersection(self.storage.links())
            written = plain.record(self.storage.read(LAYOUT, commits.MOST)).get("format")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            why = error.strerror or error
            raise UserError(f"--store {self.address}: can't be read ({why}); give another one") from None
        except ValueError:
            written = None
        if not isinstance(written, int):
            why = "can't be read, so that this is no store"
            raise UserError(f"{where}: {why}; give another --store") from None
        if written > FORMAT:
            raise UserError(f"--store {self.address}: was written by a newer randteach; update this one")
        if links:
            raise UserError(
                f"--store {self.address}: {', '.join(sorted(links))} there is a link, and links in a store "
                "are not followed; move what it points to to its place"
            )
        return written

    def writing(self) -> AbstractContextManager[None]:
        """What fails to be written becomes one message."""
        return disk.writing(self.address, "--store")

    def gone(self) -> bool:
        """Whether there is no store any more; one that can't be read may be there."""
        try:
            return not self.storage.exists(LAYOUT)
        except OSError:
            return False

    @contextmanager
    def reached(self) -> Iterator[None]:
        """What was not to be read or written for too long, or is gone, becomes one message."""
        why, after = "", ""
        try:
            yield
        except OSError as error:
            why = f"could not be read or written for too long ({error})"
            after = "what was made is there, and the same command goes on from it"
        if self.gone():
            why, after = GONE, "it is not made anew; bring it back, and the same command goes on"
        if why:
            raise UserError(f"--store {self.address}: {why}; {after}")

    def commit(
        self,
        artifact: Artifact,
        files: Mapping[str, bytes],
        *,
        status: str,
        seconds: float,
        numerics: str,
        session: str = "",
        made_with: str | None = None,
    ) -> bool:
        """Write the files and the commit; False where another attempt was first.

        `session` is the driver's: by it others know whether an attempt without a commit may still get one.
        `made_with` is the digest of the code that made the files, by default of what is installed; empty
        where nobody knows.
        """
        if made_with is None:
            made_with = made_by.digest(artifact.kind, files.get("config.json", b"").decode())
        attempt = (f"{session}-" if session else "") + made_with + secrets.token_hex(8)
        at, commit_at = f"{folder(artifact)}/{attempt}", commit_name(artifact)
        try:
            for name, content in files.items():
                self.storage.write(f"{at}/{name}", content)
            for place in (at, at.rpartition("/")[0], at.rsplit("/", 2)[0]):
                self.storage.flush(place)
            listed = {
                name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                for name, content in files.items()
            }
            commit = {
                "attempt": attempt,
                "status": status,
                "files": listed,
                "seconds": round(seconds, 3),
                "numerics": numerics,
                "size": sum(len(content) for content in files.values()),
            }
            if (revision := revisions().get(artifact.kind)) is not None:
                commit["revision"] = revision
            self.storage.create(commit_at, sealed(commit))
        except BaseException as error:
            # Interrupted behind its commit, an attempt is committed all the same.
            if not self._names(artifact, attempt):
                with suppress(OSError):
                    self.storage.remove(at)
            if isinstance(error, FileExistsError):
                return False
            raise
        self.note(artifact, made_with)
        return True

    def note(self, artifact: Artifact, made_with: str) -> None:
        """Note which code has made a result, so that plans can count without reading commits.

        The attempt's name says the same, and is what counts: a note that is lost is written again.
        """
        if made_with and artifact.kind != "state":
            with suppress(OSError):
                self.storage.replace(note_name(artifact, made_with), b"")

    def _names(self, artifact: Artifact, attempt: str) -> bool:
        """Whether the commit names an attempt, as far as can be seen."""
        try:
            return self.commit_of(artifact).attempt == attempt
        except KeyError:
            return False
        except (Damaged, Unknown, OSError):
            return True  # nobody knows: its files stay

    def set_aside(self, damage: Damaged) -> None:
        """Take a damaged artifact's commit and files away: it is missing, and will be made again.

        Only the commit that was found damaged: it may have been made anew meanwhile.
        """
        artifact, attempt = damage.artifact, damage.attempt
        aside = f"aside/{artifact.kind}/{artifact.name}"
        name = f"{aside}/{attempt or secrets.token_hex(8)}.json"
        if not self.storage.take(commit_name(artifact), name, damage.commit, commits.MOST):
            return
        if attempt:
            with suppress(OSError):  # without their commit they are nothing
                self.storage.move(f"{folder(artifact)}/{attempt}", f"{aside}/{attempt}")
        digests = [code.made_with(attempt)] if attempt else self.storage.names("code")
        noted = [note_name(artifact, digest) for digest in digests if names.fits(names.CODE, digest)]
        self.storage.remove(*noted)

    def keep_report(self, study: str, files: Iterable[Path]) -> None:
        """Keep a study's table and figures beside what they were made from, for those on other machines."""
        for path in files:
            self.storage.replace(f"reports/{study}/{path.name}", path.read_bytes())

    def abandoned(
        self, artifact: Artifact, alive: Callable[[str], bool], attempts: Iterable[str] | None = None
    ) -> list[str]:
        """Folders of attempts that the commit doesn't name, and whose session is not alive."""
        at = folder(artifact)
        known = self.storage.names(at) if attempts is None else sorted(attempts)
        dead = [name for name in known if names.fits(names.ATTEMPT, name) and not alive(session_of(name))]
        try:  # only now: who committed and ended meanwhile is seen
            committed = self.commit_of(artifact).attempt if dead else ""
        except KeyError:
            committed = ""
        except (Damaged, Unknown, OSError):
            return []  # nobody knows which one it names
        return [f"{at}/{name}" for name in dead if name != committed]


def tensors(named: Mapping[str, torch.Tensor]) -> bytes:
    """Safetensors bytes; the format takes contiguous tensors only."""
    return safetensors.torch.save({name: value.contiguous().cpu() for name, value in named.items()})
