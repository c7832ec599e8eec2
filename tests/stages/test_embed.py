"""References in the mode they are evaluated in, features in the order asked for, and the teacher's table."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from loaders import ffcv_available, open_split
from loaders.memory import MemorySplit
from randteach import nets
from randteach.config import Distill, Head, Net
from randteach.records import DistillSpec, Draw, Samples
from randteach.stages.distill import Student
from randteach.stages.embed import calibrate, drawn_encoder, embed, inputs, prepare, to_device
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


class Double(nn.Module):
    """A network in double precision behind single inputs, so that statistics compare to many digits."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = to_device(nets.draw_encoder(NET, 1, 16, "teacher", 3), CPU).double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.encoder(x.double())


def test_calibration_averages_the_batches_statistics(data: MemorySplit) -> None:
    """Each of the three batches counts alike, the last one of 88 too; variances are unbiased."""
    ours, plain = Double(), Double().train()
    calibrate(ours, inputs(data, INDICES, CPU))
    seen: dict[nn.Module, list[torch.Tensor]] = {norm: [] for norm in norms(plain)}
    for norm in norms(plain):
        norm.register_forward_pre_hook(lambda module, args: seen[module].append(args[0]))
    with torch.no_grad():
        for x in batches(data):
            plain(x)
    for norm, (_, seen_by) in zip(norms(ours), seen.items(), strict=True):
        means = torch.stack([x.mean((0, 2, 3)) for x in seen_by]).mean(0)
        variances = torch.stack([x.transpose(0, 1).flatten(1).var(1) for x in seen_by]).mean(0)
        torch.testing.assert_close(norm.running_mean, means, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(norm.running_var, variances, rtol=1e-10, atol=1e-12)
        assert norm.momentum == 0.1


def test_calibrated_norm_is_torchs_cumulative_average(data: MemorySplit) -> None:
    encoder = drawn_encoder(draw("calibrated"), 16, CPU, partial(inputs, data, INDICES, CPU))
    plain = to_device(nets.draw_encoder(NET, 1, 16, "teacher", 3), CPU).train()
    for norm in norms(plain):
        norm.momentum = None
    for x in batches(data):
        plain(x)
    assert not any(module.training for module in encoder.modules())
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, plain.state_dict()[name])
    with pytest.raises(AssertionError, match="needs the samples"):
        drawn_encoder(draw("calibrated"), 16, CPU)


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
