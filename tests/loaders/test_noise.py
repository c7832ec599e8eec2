"""Random inputs: a function of seed and index, nested in their number, as large as sigma says."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from loaders import DATASETS, open_split
from loaders.memory import MemorySplit
from loaders.noise import Noise, changed, drawn
from loaders.streams import stream


def test_a_stream_is_seeded_from_the_digest_of_its_role() -> None:
    digest = hashlib.sha256(b'["gaussian",3]').digest()
    assert stream("gaussian", 3).initial_seed() == int.from_bytes(digest[:8], "big")


def noise(name: str) -> Noise:
    found = DATASETS[name].noise
    assert found
    return found


def inputs(name: str, count: int, channels: int, size: int, sigma: float, seed: int) -> torch.Tensor:
    return drawn(name, noise(name), count, channels, size, sigma, seed).images


def colours(count: int = 6, size: int = 9) -> MemorySplit:
    """Images of three channels, each normalised by its own statistics."""
    images = torch.randint(0, 256, (count, 3, size, size), generator=stream("test"), dtype=torch.uint8)
    return MemorySplit("colours", "train", images, None, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7))


def normalised(data: MemorySplit) -> torch.Tensor:
    mean, std = (torch.tensor(values)[:, None, None] for values in (data.mean, data.std))
    return (data.images.double() / 255 - mean) / std


@pytest.mark.parametrize(("channels", "size"), [(1, 2), (3, 8)])
def test_each_sample_is_a_function_of_seed_and_index(channels: int, size: int) -> None:
    split = drawn("gaussian", noise("gaussian"), 6, channels, size, 1.0, 7)
    assert (split.count, split.shape, split.labels) == (6, (channels, size, size), None)
    for index in (0, 1, 5):
        seed = int.from_bytes(hashlib.sha256(f'["gaussian",7,{index}]'.encode()).digest()[:8], "big")
        expected = torch.randn(channels, size, size, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(split.images[index], expected)


@pytest.mark.parametrize("name", ["gaussian", "pink", "patches"])
def test_samples_are_nested_and_scaled(name: str) -> None:
    small, large = inputs(name, 5, 3, 4, 1.0, 0), inputs(name, 9, 3, 4, 1.0, 0)
    assert torch.equal(small, large[:5])
    assert torch.equal(inputs(name, 5, 3, 4, 2.5, 0), small * 2.5)
    assert not torch.equal(inputs(name, 5, 3, 4, 1.0, 1), small)
    many = inputs(name, 400, 4, 16, 3.0, 0)  # five standard errors of mean and deviation
    independent = {"gaussian": 16 * 16, "pink": 8, "patches": 4 * 4}[name] * 1600
    assert abs(many.mean().item()) < 5 * 3.0 / independent**0.5
    assert abs(many.std().item() - 3.0) < 5 * 3.0 / (2 * independent) ** 0.5


def test_pink_noise_falls_with_frequency() -> None:
    """Power by 1 / f^2, in cycles an image, along rows, columns and diagonals; none of it constant."""
    spectrum = np.abs(np.fft.fft2(inputs("pink", 2000, 1, 16, 2.0, 3)[:, 0].double().numpy())) ** 2
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(16, 1 / 16), np.fft.fftfreq(16, 1 / 16)))
    kept = np.where(f > 0, 1 / np.where(f > 0, f, 1), 0)
    expected = 4 * 256 * kept**2 / (kept**2).mean()
    assert (spectrum[:, 0, 0] < 1e-8).all()
    assert np.abs(spectrum.mean(0)[f > 0] / expected[f > 0] - 1).max() < 6 / 2000**0.5 * 2**0.5


def test_patches_are_squares_of_one_value_which_are_cut_at_the_edge() -> None:
    x_NCHW = inputs("patches", 3, 2, 10, 1.0, 0)
    for row in range(0, 10, 4):
        for column in range(0, 10, 4):
            square = x_NCHW[:, :, row : row + 4, column : column + 4]
            assert torch.equal(square, square[:, :, :1, :1].expand_as(square))
    assert len(x_NCHW.unique()) == 3 * 2 * 3 * 3


def test_pixels_are_permuted_alike_or_apart() -> None:
    """Index 4 comes first: samples know images by their index in the set."""
    data, indices = colours(), np.array([4, 0, 1])
    x_NCP = normalised(data)[indices].flatten(2)
    for name, numbers in (("shuffled_all", lambda index: ()), ("shuffled_each", lambda index: (index,))):
        made = changed(name, noise(name), data, indices, 7).images.double().flatten(2)
        for at, index in enumerate(indices.tolist()):
            order = torch.randperm(81, generator=stream(name, 7, *numbers(index)))
            torch.testing.assert_close(made[at], x_NCP[at][:, order], rtol=0, atol=1e-6)


def test_phases_are_changed_and_spectra_kept() -> None:
    data, indices = colours(), np.array([4, 0, 1])
    before = np.fft.fft2(normalised(data)[indices].numpy())
    made = changed("phase", noise("phase"), data, indices, 7).images.double()
    after = np.fft.fft2(made.numpy())
    np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(after[..., 0, 0], before[..., 0, 0], rtol=1e-5, atol=1e-3)  # the mean
    turned = after / before  # by one phase in all channels
    np.testing.assert_allclose(turned, np.broadcast_to(turned[:, :1], turned.shape), rtol=0, atol=5e-2)
    white = torch.empty(9, 9, dtype=torch.float64).normal_(generator=stream("phase", 7, 4))
    angle = np.angle(np.fft.fft2(white.numpy())[1, 2])
    np.testing.assert_allclose(np.angle(turned[0, 0, 1, 2]), angle, atol=1e-2)


@pytest.mark.parametrize("name", ["shuffled_all", "shuffled_each", "phase"])
def test_what_is_made_of_an_image_depends_on_nothing_else(name: str) -> None:
    data = colours()
    all_of_them = changed(name, noise(name), data, np.arange(6), 0).images
    some = changed(name, noise(name), data, np.array([5, 2]), 0).images
    assert torch.equal(some, all_of_them[[5, 2]])
    assert not torch.equal(changed(name, noise(name), data, np.array([5, 2]), 1).images, some)


def test_the_reader_gives_floats_without_labels_in_the_order_of_the_seed(tmp_path: Path) -> None:
    where = {"loader": "ffcv", "root": tmp_path, "cache": tmp_path}
    split = open_split("gaussian", "train", size=4, channels=2, count=10, sigma=0.5, seed=3, **where)
    assert (split.mean, split.std) == ((0.0, 0.0), (1.0, 1.0))
    images = inputs("gaussian", 10, 2, 4, 0.5, 3)
    for batch in split.reader(4, seed=1).epoch(2):
        assert batch.labels_B is None and batch.images_BCHW.dtype == torch.float32
        assert torch.equal(batch.images_BCHW, images[batch.index_B])
    assert not list(tmp_path.iterdir())  # nothing is written
