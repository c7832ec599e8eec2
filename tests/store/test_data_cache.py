"""Data sets of a store: put once, fetched by machines without raw files, checked by digest."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import loaders
from loaders import DATASETS, DataError, Raw, open_images, open_split, prepared
from loaders.datasets import Chunk, DataSet
from loaders.resize import Images
from loaders.source import held
from randteach.specs import Samples
from randteach.store.data_cache import DataCache
from randteach.store.store import Store
from tests.loaders.sources import Given

FORM = {"size": 16, "channels": 1}
WANTED = [(Samples("mnist5k", "", 1, 16, 100), split) for split in ("train", "test")]
NOWHERE = Path("/nowhere")
READERS = ["memory", "ffcv"] if loaders.ffcv_available() else ["memory"]


class Counting(DataCache):
    """Counts what is fetched."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.fetched: list[str] = []

    def get(self, name: str, most: int | None = None) -> bytes | None:
        self.fetched.append(name.rpartition(".")[2])
        return super().get(name, most)


@pytest.fixture
def data_cache(any_store: Store, tmp_path: Path) -> Counting:
    data_cache = Counting(any_store)
    data_cache.publish(WANTED, tmp_path)
    return data_cache


@pytest.mark.parametrize("loader", READERS)
def test_a_node_without_raw_files_reads_the_same(
    data_cache: Counting, tmp_path: Path, loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split in ("train", "test"):
        open_images.cache_clear()
        here = open_split("mnist5k", split, loader="memory", root=tmp_path, cache=tmp_path, **FORM)
        about = {"loader": loader, "root": NOWHERE, "cache": tmp_path / "node", **FORM}
        with monkeypatch.context() as without:
            without.setattr(loaders, "Raw", None)  # there are no raw files
            node = open_split("mnist5k", split, data_cache=data_cache, **about)
        assert (node.count, node.shape, node.mean, node.std) == (here.count, here.shape, here.mean, here.std)
        batches = [list(it.reader(300, seed=1).epoch(0)) for it in (here, node)]
        for one, other in zip(*batches, strict=True):
            assert all(map(torch.equal, one, other))


def test_it_is_put_and_fetched_once(data_cache: Counting, any_store: Store, tmp_path: Path) -> None:
    before = sorted(any_store.storage.walk("data", 1))
    assert [name.rpartition(".")[2] for name in before] == ["safetensors", "json"] * 2
    data_cache.publish(WANTED, NOWHERE)  # from raw files that are not there
    assert sorted(any_store.storage.walk("data", 1)) == before
    name = loaders.prepared_name("mnist5k", "test", 16, 1)

    def fetch() -> Images:
        source = prepared.fetched(name, data_cache, tmp_path / "node")
        assert source
        return held(source)[0]

    first, second = fetch(), fetch()
    assert np.array_equal(first, second) and data_cache.fetched == ["json", "safetensors", "json"]
    (copy,) = (tmp_path / "node").glob("*.safetensors")
    copy.write_bytes(copy.read_bytes()[:-1])
    assert np.array_equal(first, fetch()) and data_cache.fetched[-1] == "safetensors"
    assert prepared.fetched("other", data_cache, tmp_path) is None


def test_a_large_split_goes_in_parts(
    any_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody holds all of it, and the FFCV file made of the parts is that of the whole."""
    whole = Raw("mnist5k", "train", 16, 1, tmp_path)
    images, labels = held(whole)
    monkeypatch.setattr("loaders.source.PIECE", 100 * 256)
    monkeypatch.setattr("loaders.prepared.PIECE", 1000 * 256)
    DataCache(any_store).publish([WANTED[0]], tmp_path)
    assert len(list(any_store.storage.walk("data", 1))) == 4 + 1
    source = prepared.fetched(
        loaders.prepared_name("mnist5k", "train", 16, 1), DataCache(any_store), tmp_path / "node"
    )
    assert source and source.statistics() == whole.statistics()
    assert max(len(part) for part, _ in source.chunks()) == 1000
    found, theirs = held(source)
    assert np.array_equal(found, images) and labels is not None and np.array_equal(theirs, labels)


@pytest.mark.parametrize("ending", [".safetensors", ".json"])
def test_what_is_damaged_is_told(data_cache: Counting, any_store: Store, tmp_path: Path, ending: str) -> None:
    for name in any_store.storage.walk("data", 1):
        if name.endswith(ending):
            content = any_store.storage.read(f"data/{name}")
            any_store.storage.replace(f"data/{name}", content[:-1])
    with pytest.raises(DataError, match=r"in the store's data: .*damaged; delete it"):
        read(loaders.prepared_name("mnist5k", "test", 16, 1), data_cache, tmp_path / "node")


FILES = ["/outside", "../" * 9 + "outside", "x/../../x", "mnist5k.safetensors", "..", "", "a\0b", "x" * 300]
FILES += [7, None, []]  # type: ignore[list-item]


def test_no_path_is_made_of_what_an_index_says(data_cache: Counting, tmp_path: Path) -> None:
    """Of a data cache in a folder as in a bucket: it names one file, by name and digest, or it is damaged."""
    name = loaders.prepared_name("mnist5k", "test", 16, 1)
    index = f"data/{prepared.index(name)}"
    about = json.loads(data_cache.storage.read(index))
    (part,) = about["parts"]
    parts = [part | {key: file} for file in FILES for key in ("file", "sha256")]
    wrong = [json.dumps(about | {"parts": [part]}).encode() for part in parts]
    changes = [
        {"count": 10**12},
        {"count": -1},
        {"count": 999},
        {"shape": [1, 16]},
        {"parts": []},
        {"mean": 0},
    ]
    wrong += [json.dumps(about | change).encode() for change in changes]
    for text in [*wrong, b"", b"[]", b"7", b"[" * 10**5, b"1" * 5000, b"\xff", b" " * (prepared.INDEX + 1)]:
        data_cache.storage.replace(index, text)
        with pytest.raises(DataError, match=r"is damaged; delete it|can't be read .*longer"):
            read(name, data_cache, tmp_path / "node")
    assert {path.suffix for path in (tmp_path / "node").iterdir()} == {".fetch", ".safetensors"}


def test_what_is_no_split_is_told(any_store: Store, tmp_path: Path) -> None:
    name = loaders.prepared_name("mnist5k", "test", 16, 1)
    images, labels = np.zeros((2, 1, 16, 16), np.uint8), np.zeros(2, np.int64)
    for wrong in ((images[0], labels), (images.astype(np.float32), labels), (images, labels[:1])):
        source = Given(images, labels, (0.0,), (1.0,))
        source.images, source.labels = wrong
        for file, content in prepared.pack(name, source):
            any_store.storage.replace(f"data/{file}", content)
        with pytest.raises(DataError, match="holds no split"):
            read(name, DataCache(any_store), tmp_path / "node")


def read(name: str, data_cache: DataCache, folder: Path) -> None:
    source = prepared.fetched(name, data_cache, folder)
    assert source
    held(source)


def test_a_large_split_is_put_into_no_data_cache(any_store: Store, tmp_path: Path) -> None:
    def read(split: str, root: Path) -> Iterator[Chunk]:
        raise AssertionError("is read")

    known = DataSet("my.large", "L", "-", "-", (3, 32, 32), 10, 6_002_688, 0, "sha256:0", read, flips=True)
    told = r"--address: the train split of my.large has 17\.2 GiB .*take loader=ffcv on one machine, without"
    with DATASETS.extended(known), pytest.raises(DataError, match=told):
        DataCache(any_store).publish([(Samples("my.large", "", 3, 32, 100), "train")], tmp_path)
    assert list(any_store.storage.walk("data", 1)) == []
