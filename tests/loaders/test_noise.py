"""Random inputs: a function of seed and index, nested in their number, as large as sigma says."""

import hashlib
from pathlib import Path

import pytest
import torch

from loaders import open_split
from loaders.noise import gaussian
from loaders.streams import stream


def test_a_stream_is_seeded_from_the_digest_of_its_role() -> None:
    digest = hashlib.sha256(b'["gaussian",3]').digest()
    assert stream("gaussian", 3).initial_seed() == int.from_bytes(digest[:8], "big")


@pytest.mark.parametrize(("channels", "size"), [(1, 2), (3, 8)])
def test_each_sample_is_a_function_of_seed_and_index(channels: int, size: int) -> None:
    split = gaussian(6, channels, size, 1.0, 7)
    assert (split.count, split.shape, split.labels) == (6, (channels, size, size), None)
    for index in (0, 1, 5):
        seed = int.from_bytes(hashlib.sha256(f'["gaussian",7,{index}]'.encode()).digest()[:8], "big")
        drawn = torch.randn(channels, size, size, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(split.images[index], drawn)


def test_samples_are_nested_and_scaled() -> None:
    small, large = gaussian(5, 3, 4, 1.0, 0), gaussian(9, 3, 4, 1.0, 0)
    assert torch.equal(small.images, large.images[:5])
    assert torch.equal(gaussian(5, 3, 4, 2.5, 0).images, small.images * 2.5)
    assert not torch.equal(gaussian(5, 3, 4, 1.0, 1).images, small.images)
    many = gaussian(400, 1, 16, 3.0, 0).images  # 102,400 draws: five standard errors of mean and deviation
    assert abs(many.mean().item()) < 5 * 3.0 / many.numel() ** 0.5
    assert abs(many.std().item() - 3.0) < 5 * 3.0 / (2 * many.numel()) ** 0.5


def test_the_reader_gives_floats_without_labels_in_the_order_of_the_seed(tmp_path: Path) -> None:
    where = {"loader": "ffcv", "root": tmp_path, "cache": tmp_path}
    split = open_split("gaussian", "train", size=4, channels=2, count=10, sigma=0.5, seed=3, **where)
    assert (split.mean, split.std) == ((0.0, 0.0), (1.0, 1.0))
    images = gaussian(10, 2, 4, 0.5, 3).images
    for batch in split.reader(4, seed=1).epoch(2):
        assert batch.labels_B is None and batch.images_BCHW.dtype == torch.float32
        assert torch.equal(batch.images_BCHW, images[batch.index_B])
    assert not list(tmp_path.iterdir())  # nothing is written
