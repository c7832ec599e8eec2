"""Amazon's S3, and what speaks its protocol, by s3fs.

Credentials, region and endpoint are botocore's business: AWS_PROFILE, AWS_ENDPOINT_URL and the like.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from randteach.storage.bucket import Bucket
from randteach.storage.requests import Again, Object

CONNECT, READ = 10.0, 30.0  # seconds to wait for a connection, and for each part of an answer
LATER = {408, 409, 429, 500, 502, 503, 504}  # statuses of what may succeed later
# Refused as a whole, but not because of what was asked: cut off or altered on its way.
CUT = {"RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch", "SlowDown"}


class S3(Bucket):
    """A place in a bucket of S3's."""

    scheme = "s3"

    def connect(self) -> Any:
        """A file system that neither repeats requests, nor remembers listings."""
        import s3fs

        once = {"connect_timeout": CONNECT, "read_timeout": READ, "retries": {"total_max_attempts": 1}}
        client = s3fs.S3FileSystem(
            skip_instance_cache=True, use_listings_cache=False, max_concurrency=1, config_kwargs=once
        )
        client.retries = 1
        return client

    def told(self) -> AbstractContextManager[None]:
        """What the library raises, as Again or as an OSError that says what it is."""
        return _told()

    def head(self, key: str) -> Object:
        """What is known of an object."""
        with _told():
            found = self.client.call_s3("head_object", Bucket=self.bucket, Key=key)
        return Object(key, found["ContentLength"], found["LastModified"].timestamp(), found["ETag"])

    def objects(self, prefix: str) -> list[Object]:
        """All objects whose keys begin so, by a request for each thousand."""
        return [
            Object(item["Key"][len(prefix) :], item["Size"], item["LastModified"].timestamp())
            for page in self._pages(Prefix=prefix)
            for item in page.get("Contents", [])
        ]

    def entries(self, prefix: str) -> list[str]:
        """What follows a prefix, up to the next slash."""
        found = []
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            found += [item["Key"] for item in page.get("Contents", [])]
            found += [item["Prefix"].rstrip("/") for item in page.get("CommonPrefixes", [])]
        return [key[len(prefix) :] for key in found]

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects by one request."""
        with _told():
            if len(keys) == 1:
                self.client.call_s3("delete_object", Bucket=self.bucket, Key=keys[0])
                return
            listed = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
            found = self.client.call_s3("delete_objects", Bucket=self.bucket, Delete=listed)
        if errors := found.get("Errors"):
            raise Again(f"{errors[0].get('Code')}: {errors[0].get('Message')}")

    def delete_version(self, found: Object, key: str) -> None:
        """Delete an object by a conditional request; servers that know none delete it as it is."""
        with _told():
            self.client.call_s3("delete_object", Bucket=self.bucket, Key=key, IfMatch=found.version)

    def _pages(self, **about: str) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            with _told():
                page = self.client.call_s3(
                    "list_objects_v2", Bucket=self.bucket, MaxKeys=self.together, **about, **token
                )
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}


@contextmanager
def _told() -> Iterator[None]:
    """What s3fs, botocore or aiohttp raises, as Again or as an OSError that says what it is."""
    import aiohttp
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError

    try:
        yield
    except (
        boto.HTTPClientError,
        boto.ConnectionError,
        ResponseParserError,
        aiohttp.ClientError,
        TimeoutError,
        ConnectionError,
    ) as error:
        raise Again(f"{type(error).__name__}: {error}") from None
    except boto.BotoCoreError as error:  # no credentials, no region
        raise PermissionError(str(error)) from None
    except Exception as error:
        raise _meant(error) from None


def _meant(error: Exception) -> Exception:
    """An answer of the server's, which s3fs has made a Python error or passed on."""
    answer: dict[str, Any] = (
        getattr(error, "response", None) or getattr(error.__cause__, "response", None) or {}
    )
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code, text = answer.get("Error", {}).get("Code", ""), str(error)
    if status == 412 or code == "PreconditionFailed":
        return FileExistsError(text)
    if status == 404:
        return FileNotFoundError(text)
    if status == 416:
        return EOFError(text)
    if status in LATER or code in CUT or (status == 200 and code):
        return Again(f"{status} {code}: {text}")
    if status == 403:
        return PermissionError(text)
    return OSError(text) if answer else error
