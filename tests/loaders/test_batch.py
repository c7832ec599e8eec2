"""Bytes to batches, against numbers and a slow reference worked out by hand."""

import pytest
import torch

from loaders.augment import flip_crop
from loaders.batch import normalise

CPU = torch.device("cpu")
FORMATS = [torch.contiguous_format, torch.channels_last]


def _bytes(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def _roundings(std: tuple[float, ...]) -> float:
    """Four roundings in float32 (scale, product, shift, difference) of terms up to 1 / std."""
    return 4 * 2**-24 / min(std)


def _slow(images: torch.Tensor, generator: torch.Generator, padding: int) -> torch.Tensor:
    """Image by image: onto a black canvas, a window cut out of it, its columns turned around."""
    count, channels, height, width = images.shape
    flips = (torch.rand(count, generator=generator) < 0.5).tolist()
    tops, lefts = torch.randint(0, 2 * padding + 1, (2, count), generator=generator).tolist()
    done = torch.empty_like(images)
    for at, (flip, top, left) in enumerate(zip(flips, tops, lefts, strict=True)):
        canvas = torch.zeros(channels, height + 2 * padding, width + 2 * padding, dtype=images.dtype)
        canvas[:, padding : padding + height, padding : padding + width] = images[at]
        for column in range(width):
            source = left + (width - 1 - column if flip else column)
            done[at, :, :, column] = canvas[:, top : top + height, source]
    return done


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize(
    ("mean", "std", "pixel", "expected"),
    [
        # 0, 51, 102, 153, 204, 255 are 0, 0.2, 0.4, 0.6, 0.8, 1.
        ((0.2,), (0.5,), (255,), (1.6,)),
        ((0.2,), (0.5,), (0,), (-0.4,)),
        ((0.5, 0.25, 0.75), (0.5, 0.25, 0.125), (51, 102, 204), (-0.6, 0.6, 0.4)),
        ((0.5, 0.5, 0.5), (0.5, 0.25, 0.125), (153, 153, 153), (0.2, 0.4, 0.8)),  # one mean, three std
        ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5), (255, 255, 255), (1.8, 1.6, 1.4)),  # three means, one std
        ((0.2,) * 3, (0.5,) * 3, (0, 51, 255), (-0.4, 0.0, 1.6)),  # grey, repeated
    ],
)
def test_normalise_by_hand(
    mean: tuple[float, ...],
    std: tuple[float, ...],
    pixel: tuple[int, ...],
    expected: tuple[float, ...],
    memory_format: torch.memory_format,
) -> None:
    images = torch.tensor(pixel, dtype=torch.uint8)[None, :, None, None].repeat(2, 1, 3, 4)
    before = images.clone()
    found = normalise(images, mean, std, memory_format=memory_format, device=CPU)
    assert found.dtype == torch.float32 and found.shape == images.shape
    wanted = torch.tensor(expected, dtype=torch.float64)[None, :, None, None].expand(2, -1, 3, 4)
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=_roundings(std))
    assert torch.equal(images, before)


def test_normalise_every_byte() -> None:
    images = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).repeat(1, 3, 1, 1)
    mean, std = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
    exact = images.double() / 255
    exact -= torch.tensor(mean, dtype=torch.float64)[:, None, None]
    exact /= torch.tensor(std, dtype=torch.float64)[:, None, None]
    found = normalise(images, mean, std, memory_format=torch.contiguous_format, device=CPU)
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=_roundings(std))


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_normalise_lays_out_as_asked(memory_format: torch.memory_format, dtype: torch.dtype) -> None:
    images = _bytes(2, 3, 5, 4)
    laid_out = [
        normalise(given.to(dtype), (0.5,) * 3, (0.25,) * 3, memory_format=memory_format, device=CPU)
        for given in (images, images.to(memory_format=torch.channels_last))
    ]
    for found in laid_out:
        assert found.is_contiguous(memory_format=memory_format)
    assert torch.equal(*laid_out)  # the layout moves no number


def test_random_inputs_pass_unchanged() -> None:
    images = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    for memory_format in FORMATS:
        found = normalise(images, (9.0, 8.0), (7.0, 6.0), memory_format=memory_format, device=CPU)
        assert found.dtype == torch.float32
        assert torch.equal(found, images)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("shape", [(64, 1, 6, 6), (64, 3, 5, 7), (1, 2, 3, 3)])
def test_flip_crop_equals_the_slow_one(
    shape: tuple[int, int, int, int], padding: int, dtype: torch.dtype
) -> None:
    images = _bytes(*shape).clamp_(min=1).to(dtype)  # no black inside: padding is told apart
    before = images.clone()
    found = flip_crop(images, torch.Generator().manual_seed(5), padding)
    assert found.dtype == dtype and found.shape == images.shape
    assert torch.equal(found, _slow(images, torch.Generator().manual_seed(5), padding))
    assert torch.equal(images, before)
    found.zero_()
    assert torch.equal(images, before)  # nor is it a view of them


def test_flip_crop_pads_by_four_unless_told() -> None:
    images = _bytes(32, 3, 8, 8)
    found = flip_crop(images, torch.Generator().manual_seed(1))
    assert torch.equal(found, _slow(images, torch.Generator().manual_seed(1), 4))


def test_flip_crop_reaches_every_choice() -> None:
    """A picture whose pixels are all different, so that its flip and its place can be read off."""
    pixels = torch.arange(1, 10, dtype=torch.uint8).reshape(1, 1, 3, 3)
    found = flip_crop(pixels.expand(400, 1, 3, 3), torch.Generator().manual_seed(0), 1)
    canvas = torch.nn.functional.pad(pixels[0], (1,) * 4)
    windows = [canvas[:, y : y + 3, x : x + 3] for y in range(3) for x in range(3)]
    possible = {bytes(w.flatten().tolist()) for one in windows for w in (one, one.flip(-1))}
    assert len(possible) == 18
    assert {bytes(image.flatten().tolist()) for image in found} == possible


def test_flip_crop_is_a_function_of_the_generators_state() -> None:
    images = _bytes(32, 3, 8, 8)
    generator = torch.Generator().manual_seed(2)
    state = generator.get_state()
    first, second = flip_crop(images, generator), flip_crop(images, generator)
    assert not torch.equal(first, second)
    generator.set_state(state)
    assert torch.equal(flip_crop(images, generator), first)
    assert torch.equal(flip_crop(images, generator), second)


def test_flip_crop_draws_by_count_alone() -> None:
    """What is drawn does not depend on the images: the next batch is the same at any size."""
    states = []
    for shape in ((16, 1, 4, 4), (16, 3, 8, 8)):
        generator = torch.Generator().manual_seed(3)
        flip_crop(_bytes(*shape), generator)
        states.append(generator.get_state())
    assert torch.equal(*states)
