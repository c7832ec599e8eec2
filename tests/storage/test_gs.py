"""Google's object store: no server of it runs in tests, and so only its place in the house is looked at."""

import pytest

from randteach import storage
from randteach.storage.gs import GS


def test_an_address_opens_it() -> None:
    pytest.importorskip("gcsfs", reason="needs gcsfs")
    place = storage.opened("gs://bucket/path/")
    assert isinstance(place, GS) and place.address == "gs://bucket/path"
    assert place.where("done") == "gs://bucket/path/done" and place.free_bytes() is None
