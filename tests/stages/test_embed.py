"""References in the mode they are evaluated in, features in the order asked for, and the teacher's table."""

from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from loaders import ffcv_available, open_split
from loaders.memory import MemorySplit
from randteach import nets
from randteach.config.schema import Distill, Head, Net
from randteach.specs import DistillSpec, Draw, Samples
from randteach.stages.distill import Student
from randteach.stages.embed import CHUNK, drawn_encoder, embed, inputs, moments, prepare, to_device
from randteach.stages.teacher import Cache, Teacher
from tests.studies import Quiet

CPU = torch.device("cpu")
NET = Net("resnet18", 4)
NORMS = ["identity", "calibrated", "batch"]
pytestmark = pytest.mark.usefixtures("one_thread")
needs_ffcv = pytest.mark.skipif(not ffcv_available(), reason="FFCV is not installed")
# Neither sorted nor whole batches: 256, 256 and 88 of the 4,000 images.
INDICES = np.random.default_rng(0).permutation(4000)[:600]


@pytest.fixture(scope="module")
def data() -> MemorySplit:
    none = Path("/none")
    split = open_split("mnist5k", "train", size=16, channels=1, loader="memory", root=none, cache=none)
    assert isinstance(split, MemorySplit)
    return split


def draw(norm: str) -> Draw:
    return Draw("teacher", 3, NET, 1, norm)


def spec(norm: str, augment: str = "none", count: int = 600) -> DistillSpec:
    head, samples = Head([32], 16, 64), Samples("mnist5k", "", 1, 16, count)
    seed = None if augment == "none" else 0
    return DistillSpec(samples, augment, draw(norm), head, 0.3, True, Distill(batch_size=64), 0, 0, seed)


def batches(data: MemorySplit, indices: np.ndarray = INDICES) -> list[torch.Tensor]:
    """Normalised by hand, in batches of 256."""
    mean, std = data.mean[0], data.std[0]
    parts = [data.images[part] for part in np.split(indices, range(256, len(indices), 256))]
    inputs = [part.float() * (1 / (255 * std)) - mean / std for part in parts]
    return [x.contiguous(memory_format=torch.channels_last) for x in inputs]


def norms(encoder: nn.Module) -> list[nn.BatchNorm2d]:
    found = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(found) == 20
    return found


def test_input_by_hand(data: MemorySplit) -> None:
    images = torch.tensor([[0, 255], [51, 102]], dtype=torch.uint8).reshape(1, 2, 1, 2)
    split = MemorySplit("", "train", images, None, (0.5, 0.2), (0.25, 0.1))
    x = prepare(images, split, CPU)
    torch.testing.assert_close(x.flatten(), torch.tensor([-2.0, 2.0, 0.0, 2.0]))
    assert x.is_contiguous(memory_format=torch.channels_last)
    noise = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    same = prepare(noise, split, CPU)  # random inputs are normalised already
    assert torch.equal(same, noise) and same.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("loader", ["memory", pytest.param("ffcv", marks=needs_ffcv)])
def test_features_come_in_the_order_of_the_indices(
    loader: str, data: MemorySplit, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    split = open_split("mnist5k", "train", size=16, channels=1, loader=loader, root=folder, cache=folder)
    seen: list[torch.Tensor] = []

    def function(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return x.flatten(1)

    features = embed(function, inputs(split, INDICES, CPU))
    expected = batches(data)
    assert [len(x) for x in seen] == [256, 256, 88]
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in seen)
    assert torch.equal(features, torch.cat(expected).flatten(1))
    assert not embed(nets.build(NET, 1, 16).eval(), inputs(split, INDICES[:9], CPU)).requires_grad


def test_to_device_changes_the_format_alone() -> None:
    plain, moved = (nets.draw_encoder(Net("resnet18", 4), 3, 16, "teacher", 0) for _ in range(2))
    assert to_device(moved, CPU) is moved
    for name, value in moved.state_dict().items():
        assert torch.equal(value, plain.state_dict()[name])
    for module in moved.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.is_contiguous(memory_format=torch.channels_last)
    assert not moved.layers[0].weight.is_contiguous()


def test_identity_norm_is_scale_and_nothing_else(data: MemorySplit) -> None:
    """A draw's norm layers have weight 1, bias 0, mean 0, variance 1: x / sqrt(1 + eps) each."""
    encoder = drawn_encoder(draw("identity"), 16, CPU)
    drawn = nets.draw_encoder(NET, 1, 16, "teacher", 3)
    assert not encoder.training and not any(p.requires_grad for p in encoder.parameters())
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, drawn.state_dict()[name])
    (x, *_), bare = batches(data, INDICES[:8]), nets.draw_encoder(NET, 1, 16, "teacher", 3)

    class Scale(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x / (1 + 1e-5) ** 0.5

    for module in list(bare.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, Scale())
    torch.testing.assert_close(encoder(x), bare(x))


def test_batch_norm_takes_each_batchs_statistics(data: MemorySplit) -> None:
    encoder = drawn_encoder(draw("batch"), 16, CPU)
    plain = to_device(nets.draw_encoder(NET, 1, 16, "teacher", 3), CPU).train()
    for x in batches(data):
        assert torch.equal(encoder(x), plain(x))
    assert not any(module.training for module in encoder.modules())
    assert all(norm.running_mean is None and norm.num_batches_tracked == 0 for norm in norms(encoder))


class ByBatch(nn.Module):
    """A norm layer by hand: each batch normalised by its own statistics, however small, and kept."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x.movedim(1, -1).flatten(0, -2))
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt()


def by_batch(module: nn.Module) -> list[ByBatch]:
    """The network's norm layers, replaced."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, ByBatch())
    return [layer for layer in module.modules() if isinstance(layer, ByBatch)]


@pytest.mark.parametrize(("count", "size"), [(1026, 16), (257, 8), (1, 8)])
def test_statistics_are_those_of_all_samples(count: int, size: int) -> None:
    """Also where the last batch holds two samples, or one, of which a layer sees a single pixel."""
    where: dict[str, Any] = {"loader": "memory", "root": Path("/none"), "cache": Path("/none")}
    split = open_split("mnist5k", "train", size=size, channels=1, **where)
    indices = np.arange(count)
    encoder = drawn_encoder(draw("calibrated"), size, CPU, partial(inputs, split, indices, CPU))
    assert not any(module.training for module in encoder.modules())
    exact = nets.draw_encoder(NET, 1, size, "teacher", 3).double()
    layers = by_batch(exact)
    with torch.no_grad():
        for x in inputs(split, indices, CPU):
            exact(x.double())
    for norm, layer in zip(norms(encoder), layers, strict=True):
        seen = torch.cat(layer.seen)
        variance = seen.var(0, correction=min(1, len(seen) - 1))
        assert norm.running_mean is not None and norm.running_var is not None
        torch.testing.assert_close(norm.running_mean.double(), seen.mean(0), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norm.running_var.double(), variance, rtol=1e-4, atol=1e-7)
        assert norm.momentum == 0.1


def test_a_calibrated_teacher_needs_its_samples() -> None:
    with pytest.raises(AssertionError, match="needs the samples"):
        drawn_encoder(draw("calibrated"), 16, CPU)


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_moments_keep_their_digits(memory_format: torch.memory_format) -> None:
    """Of more values than one pass takes, far from zero, in batches of any size: what float32 sums lose."""
    x = 1e4 + torch.randn(301, 20, 16, 16, generator=torch.Generator().manual_seed(0))
    assert x.numel() > 5 * CHUNK
    found = reduce(add, map(moments, x.contiguous(memory_format=memory_format).split(100)))
    values = x.double().numpy().transpose(1, 0, 2, 3).reshape(20, -1)
    assert found.count == values.shape[1]
    np.testing.assert_allclose(found.mean_C, values.mean(1), rtol=1e-14)
    np.testing.assert_allclose(found.squares_C / found.count, values.var(1), rtol=1e-11)


@pytest.mark.parametrize("norm", ["identity", "calibrated"])
def test_the_teachers_table_holds_its_features_of_each_sample(norm: str, data: MemorySplit) -> None:
    indices = np.sort(INDICES)
    teacher = Teacher(spec(norm), data, indices, CPU, {})
    table = teacher.features_NF
    assert table is not None and table.shape == (4000, 16)
    with torch.no_grad():
        parts = [teacher.head.features(teacher.encoder(x)) for x in batches(data, indices)]
        assert torch.equal(table[indices], torch.cat(parts))
        assert not np.delete(table.numpy(), indices, axis=0).any()
        (x, *_), some = batches(data, INDICES[:50]), torch.from_numpy(INDICES[:50])
        found = teacher.logits(some, torch.full_like(x, torch.nan))  # looked up, so x is not looked at
        torch.testing.assert_close(found, teacher.head(teacher.encoder(x)))


def test_the_table_is_shared_by_a_teachers_students_and_two_are_kept(data: MemorySplit) -> None:
    cache: Cache = {}

    def table(norm: str, augment: str = "none", count: int = 20) -> torch.Tensor | None:
        return Teacher(spec(norm, augment, count), data, np.arange(count), CPU, cache).features_NF

    first, second = table("identity"), table("calibrated")
    assert first is not None and table("identity") is first and table("calibrated") is second
    assert len(cache) == 2
    table("identity", count=21)  # drops the oldest
    assert len(cache) == 2 and table("calibrated") is second
    again = table("identity")
    assert again is not None and again is not first and torch.equal(again, first)
    assert table("batch") is None and table("identity", "flip_crop") is None


@pytest.mark.parametrize("augment", ["none", "flip_crop"])
@pytest.mark.parametrize("norm", NORMS)
def test_training_leaves_the_teacher_alone(norm: str, augment: str, data: MemorySplit) -> None:
    indices = np.arange(200)
    teacher = Teacher(spec(norm, augment), data, indices, CPU, {})
    parts = (teacher.encoder, teacher.head)
    before = [{name: value.clone() for name, value in part.state_dict().items()} for part in parts]
    student = Student(spec(norm, augment), teacher, data, indices, CPU)
    row = student.advance(3, Quiet())
    assert row["step"] == 3 and row["distance_start_encoder"] > 0
    for part, state in zip(parts, before, strict=True):
        after = part.state_dict()
        assert after.keys() == state.keys()
        assert all(torch.equal(after[name], state[name]) for name in state)
