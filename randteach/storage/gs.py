"""Google Cloud Storage, by gcsfs.

Credentials are the environment's: GOOGLE_APPLICATION_CREDENTIALS and the like, or the machine's own.
Read through, and tried for all but exclusive creation against an emulator that knows no conditional puts;
never run against Google's own servers. By gcsfs' source `mode="create"` is a put under the condition that
there is no generation of the object yet (`ifGenerationMatch=0`), and FileExistsError where there is one.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

from randteach.storage.bucket import Bucket
from randteach.storage.requests import Again, Object

LATER = {401, 408, 409, 429, 500, 502, 503, 504}  # statuses of what may succeed later


class GS(Bucket):
    """A place in a bucket of Google's."""

    scheme = "gs"

    def connect(self) -> Any:
        """A file system that remembers no listings."""
        from gcsfs.core import (
            GCSFileSystem,
        )  # the plain one: gcsfs.GCSFileSystem asks for the bucket's type first

        return GCSFileSystem(skip_instance_cache=True, use_listings_cache=False)

    def told(self) -> AbstractContextManager[None]:
        """What the library raises, as Again or as an OSError that says what it is."""
        return _told()

    def head(self, key: str) -> Object:
        """What is known of an object."""
        with _told():
            return self._object(self.client.info(f"{self.bucket}/{key}"), "")

    def objects(self, prefix: str) -> list[Object]:
        """All objects below a folder."""
        with _told():
            found = self.client.find(f"{self.bucket}/{prefix.rstrip('/')}", detail=True)
        at = f"{self.bucket}/{prefix}"  # of a file, gcsfs finds the file itself
        files = [item for item in found.values() if item["type"] == "file" and item["name"].startswith(at)]
        return [self._object(item, prefix) for item in files]

    def entries(self, prefix: str) -> list[str]:
        """What follows a prefix, up to the next slash."""
        folder, _, _ = prefix.rpartition("/")
        try:
            with _told():
                found = self.client.ls(f"{self.bucket}/{folder}", detail=False)
        except FileNotFoundError:
            return []
        keys = [path.rstrip("/")[len(self.bucket) + 1 :] for path in found]
        return [key[len(prefix) :] for key in keys if key.startswith(prefix) and key != prefix]

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, one by one."""
        for key in keys:
            try:
                with _told():
                    self.client.rm_file(f"{self.bucket}/{key}")
            except FileNotFoundError:
                continue

    def delete_version(self, found: Object, key: str) -> None:
        """Delete an object under the condition that its generation is still the one found."""
        with _told():
            self.client.call("DELETE", "b/{}/o/{}", self.bucket, key, ifGenerationMatch=found.version)

    def _object(self, item: dict[str, Any], prefix: str) -> Object:
        if item["type"] != "file":
            raise FileNotFoundError(item["name"])
        changed = datetime.fromisoformat(str(item["updated"])).timestamp()
        return Object(
            item["name"][len(self.bucket) + 1 + len(prefix) :],
            int(item["size"]),
            changed,
            str(item.get("generation", "")),
        )


@contextmanager
def _told() -> Iterator[None]:
    """What gcsfs, google-auth, aiohttp or requests raises, as Again or as an OSError that says what it is."""
    import aiohttp
    import requests
    from gcsfs.retry import ChecksumError, HttpError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except (
        aiohttp.ClientError,
        requests.RequestException,
        ChecksumError,
        TimeoutError,
        ConnectionError,
    ) as error:
        raise Again(f"{type(error).__name__}: {error}") from None
    except GoogleAuthError as error:
        raise PermissionError(str(error)) from None
    except HttpError as error:
        kind = Again if error.code in LATER else EOFError if error.code == 416 else OSError
        raise kind(str(error)) from None
    except ValueError as error:  # a request that was refused as such
        raise OSError(str(error)) from None
