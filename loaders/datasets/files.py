"""Check the files of a data set: in full at first, later only if a size or a time of change differs."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from loaders.datasets.dataset import DataSet, Files, Pinned
from loaders.disk import replacing
from loaders.errors import DataError

DIGITS = 16


def digests(files: Mapping[str, Path]) -> dict[str, str]:
    """The SHA-256 of each file by its name; DataError where one can't be read."""
    found = {}
    for name, path in files.items():
        try:
            with open(path, "rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{path}: can't be read ({error.strerror})") from None
    return found


def joined(digests: Mapping[str, str]) -> str:
    """The checksum of some files' names and digests."""
    whole = hashlib.sha256()
    for name, digest in sorted(digests.items()):
        whole.update(f"{name}\0{digest}\n".encode())
    return f"sha256:{whole.hexdigest()[:DIGITS]}"


def checksum(files: Mapping[str, Path]) -> str:
    """A checksum of some files' names and contents; DataError where one can't be read."""
    return joined(digests(files))


def verify(known: DataSet, root: Path, cache: Path) -> None:
    """Raise DataError if the files of a set are not the declared ones; sets that list no files pass.

    A note in `cache` keeps sizes and times of change of files that were found whole.
    """
    reader: object = known.read
    if not isinstance(reader, Files):
        return
    files = reader.files(root)
    stamps = {name: [path.stat().st_size, path.stat().st_mtime_ns] for name, path in files.items()}
    note = cache / f"{known.name}-{known.checksum.partition(':')[2]}-files.json"
    about = {"root": str(root), "files": stamps}
    if _read(note) == about:
        return
    own = digests(files)
    if isinstance(reader, Pinned):
        for name, digest in reader.pinned.items():
            if own[name] != digest:
                raise DataError(
                    f"data.name={known.name}: {files[name]} is damaged: its SHA-256 is {own[name][:DIGITS]}, "
                    f"declared is {digest[:DIGITS]}; delete it and fetch it anew"
                )
    if (found := joined(own)) != known.checksum:
        raise DataError(
            f"data.name={known.name}: its files have the checksum {found}, declared is {known.checksum}; put "
            f"back the files that were declared, or declare checksum={found!r} for results of their own"
        )
    cache.mkdir(parents=True, exist_ok=True)
    with replacing(note) as temporary:
        temporary.write_text(json.dumps(about))


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
