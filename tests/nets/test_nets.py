"""Networks against the paper's counts, and draws and interpolation against sums done by hand."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from randteach import nets
from randteach.config.schema import Head, Net


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


TABLE_5 = {
    "vgg11": 9_220_480,
    "vgg13": 9_404_992,
    "vgg16": 14_714_688,
    "vgg19": 20_024_384,
    "resnet18": 11_168_832,
    "resnet34": 21_276_992,
    "resnet50": 23_500_352,
    "resnet20": 271_824,
    "resnet56": 855_120,
    "vit_tiny_16_as_run": 594_048,
    "vit_small_16_as_run": 2_072_832,
    "vit_medium_16_as_run": 3_550_208,
    "vit_base_16_as_run": 7_684_608,
}


@pytest.mark.parametrize(("arch", "parameters"), TABLE_5.items())
def test_the_papers_parameter_counts(arch: str, parameters: int) -> None:
    with torch.device("meta"):
        assert count(nets.build(Net(arch), channels=3, size=32)) == parameters


@pytest.mark.parametrize(
    ("arch", "width", "channels", "size", "embedding"),
    [
        ("resnet18", 8, 1, 16, 64),
        ("resnet18", 3, 3, 33, 24),
        ("resnet18", 4, 1, 1, 32),
        ("vgg11", 8, 1, 32, 64),
        ("vgg11", 4, 3, 64, 128),
        ("vgg11", 4, 1, 70, 128),
        ("vgg19", 1, 3, 95, 32),
        ("resnet34", 3, 1, 9, 24),
        ("resnet50", 2, 1, 8, 64),
        ("resnet20", 3, 3, 7, 12),
        ("resnet56", 1, 1, 1, 4),
        ("vit_tiny_8", 3, 1, 16, 3),
        ("vit_tiny_16_as_run", 12, 3, 32, 12),
        ("mlp", 2, 3, 5, 16),
        ("convnet", 3, 1, 7, 12),
    ],
)
def test_shapes(arch: str, width: int, channels: int, size: int, embedding: int) -> None:
    net = Net(arch, width)
    encoder = nets.build(net, channels, size).eval()
    assert encoder(torch.zeros(2, channels, size, size)).shape == (2, embedding)
    assert nets.embedding_dim(net, size) == embedding
    assert not nets.ARCHITECTURES[net.arch].why_not(size)
    assert nets.has_batch_norm(net) == any(isinstance(layer, nn.BatchNorm2d) for layer in encoder.modules())


def test_vgg_refuses_small_inputs_and_says_which() -> None:
    assert "data.size=32" in nets.ARCHITECTURES["vgg11"].why_not(28)


def test_resnet_is_torchvisions_behind_a_cifar_stem() -> None:
    from torchvision.models import resnet18

    theirs = resnet18(num_classes=1)
    theirs.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    theirs.maxpool = nn.Identity()
    theirs.fc = nn.Identity()
    ours = nets.draw_encoder(Net("resnet18", 64), 3, 32, "teacher", 0)
    for mine, target in zip(ours.parameters(), theirs.parameters(), strict=True):
        with torch.no_grad():
            target.copy_(mine)
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize("channels", [1, 3, 4, 8])
def test_strided_shortcuts_gradients_are_those_of_exact_arithmetic(channels: int) -> None:
    """oneDNN's strided 1x1 convolution overwrites memory below 8 channels (its issue 6035)."""
    generator = torch.Generator().manual_seed(0)
    encoder = nets.draw_encoder(Net("resnet18", channels), 1, 16, "teacher", 0)
    conv = encoder.layers[5].downsample[0].to(memory_format=torch.channels_last)
    x = torch.randn(128, channels, 16, 16, generator=generator)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    y = conv(x)
    gradient = torch.randn(y.shape, generator=generator)
    y.backward(gradient)
    x64, w64 = x.detach().double(), conv.weight.detach()[:, :, 0, 0].double()
    kept, gradient = x64[:, :, ::2, ::2], gradient.double()
    into_x = torch.zeros_like(x64)
    into_x[:, :, ::2, ::2] = torch.einsum("bohw,oi->bihw", gradient, w64)
    torch.testing.assert_close(y.double(), torch.einsum("bihw,oi->bohw", kept, w64), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(x.grad.double(), into_x, atol=1e-5, rtol=1e-5)
    into_w = torch.einsum("bohw,bihw->oi", gradient, kept)
    torch.testing.assert_close(conv.weight.grad[:, :, 0, 0].double(), into_w, atol=1e-3, rtol=1e-5)


def test_a_draw_is_a_function_of_role_and_seed_alone() -> None:
    net = Net("resnet18", 4)
    torch.manual_seed(1)
    one = nets.draw_encoder(net, 1, 16, "teacher", 0).state_dict()
    torch.manual_seed(2)
    again = nets.draw_encoder(net, 1, 16, "teacher", 0).state_dict()
    assert all(torch.equal(one[name], again[name]) for name in one)
    for role, seed in (("student", 0), ("teacher", 1)):
        other = nets.draw_encoder(net, 1, 16, role, seed).state_dict()
        assert not torch.equal(one["layers.0.weight"], other["layers.0.weight"])


def test_encoder_draw_is_kaiming_normal_fan_out() -> None:
    encoder = nets.draw_encoder(Net("vgg11", 64), 3, 32, "teacher", 0)
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            expected = math.sqrt(2 / (module.out_channels * 9))
            error = expected / math.sqrt(2 * module.weight.numel())
            assert abs(module.weight.std().item() - expected) < 5 * error
            assert not module.bias.any()


def test_head_by_hand() -> None:
    """embedding 2 -> GELU hidden 2 -> bottleneck 2, normalised -> outputs 3, by explicit sums."""
    config = Head(hidden_dims=[2], bottleneck_dim=2, out_dim=3, weight_norm=True)
    head = nets.Head(config, 2)
    values = {
        "layers.0.weight": [[1.0, 2.0], [-1.0, 0.5]],
        "layers.0.bias": [0.5, 0.0],
        "layers.2.weight": [[1.0, -1.0], [2.0, 1.0]],
        "layers.2.bias": [0.0, 1.0],
        "last.weight": [[3.0, 4.0], [1.0, 0.0], [0.0, 2.0]],
    }
    head.load_state_dict({name: torch.tensor(value) for name, value in values.items()})

    def gelu(value: float) -> float:
        return value * 0.5 * (1 + math.erf(value / math.sqrt(2)))

    hidden = [gelu(1 * 0.3 + 2 * -0.7 + 0.5), gelu(-1 * 0.3 + 0.5 * -0.7)]
    raw = [hidden[0] - hidden[1], 2 * hidden[0] + hidden[1] + 1]
    norm = math.hypot(*raw)
    z = [raw[0] / norm, raw[1] / norm]
    expected = [0.6 * z[0] + 0.8 * z[1], z[0], z[1]]
    torch.testing.assert_close(head(torch.tensor([[0.3, -0.7]])), torch.tensor([expected]))
    plain = nets.Head(replace(config, weight_norm=False), 2)
    plain.load_state_dict(head.state_dict())
    expected = [3 * z[0] + 4 * z[1], z[0], 2 * z[1]]
    torch.testing.assert_close(plain(torch.tensor([[0.3, -0.7]])), torch.tensor([expected]))


def test_head_draw_is_truncated_normal() -> None:
    head = nets.draw_head(Head(), 512, "teacher", 0)
    weight = head.last.weight
    assert weight.shape == (65536, 256)
    assert abs(weight.std().item() - 0.02) < 1e-4
    assert not head.layers[0].bias.any()


def pair(teacher: list[float], fresh: list[float]) -> tuple[nn.Module, nn.Module]:
    modules = []
    for values in (teacher, fresh):
        module = nn.BatchNorm1d(len(values))
        nn.init.ones_(module.bias)
        with torch.no_grad():
            module.weight.copy_(torch.tensor(values))
        modules.append(module)
    return modules[0], modules[1]


def test_interpolation_by_hand() -> None:
    """(0.7 t + 0.3 f) / sqrt(0.3^2 + 0.7^2), norm weights too, buffers never."""
    teacher, fresh = pair([1.0, -2.0], [4.0, 0.5])
    teacher.running_mean.fill_(9)
    mixed = nets.mix_(teacher, fresh, 0.3, variance_preserving=True)
    scale = math.sqrt(0.09 + 0.49)
    expected = [(0.7 * 1 + 0.3 * 4) / scale, (0.7 * -2 + 0.3 * 0.5) / scale]
    torch.testing.assert_close(mixed.weight.data, torch.tensor(expected))
    torch.testing.assert_close(mixed.bias.data, torch.full((2,), 1 / scale))
    assert not mixed.running_mean.any()
    mixed = nets.mix_(*pair([1.0, -2.0], [4.0, 0.5]), 0.3, variance_preserving=False)
    torch.testing.assert_close(mixed.weight.data, torch.tensor([1.9, -1.25]))


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_the_ends_are_exact(alpha: float) -> None:
    teacher, fresh = pair([0.1, 0.7], [0.3, -0.9])
    expected = (fresh if alpha else teacher).weight.detach().clone()
    assert torch.equal(nets.mix_(teacher, fresh, alpha, True).weight.data, expected)


def test_the_papers_alpha_moves_few_weights_by_next_to_nothing() -> None:
    """alpha = 1e-10 changes about 0.16 % of the weights, by a last place or, near zero, by 1e-10."""
    net = Net("vgg11", 16)
    teacher = nets.draw_encoder(net, 1, 32, "teacher", 0)
    student = nets.draw_encoder(net, 1, 32, "student", 0)
    nets.mix_(teacher, student, 1e-10, True)
    changed = total = 0
    for ours, theirs in zip(student.parameters(), teacher.parameters(), strict=True):
        assert (ours - theirs).abs().max() < 1e-7
        changed += int((ours != theirs).sum())
        total += ours.numel()
    assert 0.0005 < changed / total < 0.005


def test_distance_by_hand() -> None:
    one = [torch.tensor([1.0, 2.0]), torch.tensor([[0.0]])]
    other = [torch.tensor([4.0, 2.0]), torch.tensor([[4.0]])]
    assert nets.distance(one, other).item() == 5.0
