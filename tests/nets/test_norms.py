"""Norm layers against their formula, and what can't be built is refused."""

import re
from functools import partial

import pytest
import torch
from torch import nn

from randteach import nets
from randteach.config.schema import NORMS, Net
from randteach.nets.norms import NORM_LAYERS


def by_hand(x_BCHW: torch.Tensor, channels: int) -> torch.Tensor:
    """Each sample's groups of channels, less their mean, by their standard deviation."""
    parts = []
    for x_CHW in x_BCHW:
        for group in x_CHW.split(channels):
            parts.append((group - group.mean()) / (group.var(correction=0) + 1e-5).sqrt())
    return torch.cat(parts).view(x_BCHW.shape)


@pytest.mark.parametrize(("norm", "channels"), [("instance", 1), ("group", 8), ("layer", 16)])
def test_what_is_normalised_together(norm: str, channels: int) -> None:
    x = 3 + 2 * torch.randn(2, 16, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    layer = NORM_LAYERS[norm](16).double()
    torch.testing.assert_close(layer(x), by_hand(x, channels))
    assert layer.weight.shape == layer.bias.shape == (16,)


def test_there_is_a_layer_for_each_name() -> None:
    assert set(NORM_LAYERS) == set(NORMS)


@pytest.mark.parametrize("arch", ["resnet18", "resnet20", "vgg11", "convnet"])
def test_draws_differ_in_norm_layers_alone(arch: str) -> None:
    found = {}
    for norm in NORMS:
        encoder = nets.draw_encoder(Net(arch, 8, norm), 1, 32, "teacher", 0)
        found[norm] = [m.weight for m in encoder.modules() if isinstance(m, nn.Conv2d)]
        kinds = {type(m) for m in encoder.modules() if isinstance(m, nn.BatchNorm2d | nn.GroupNorm)}
        assert kinds == {"batch": {nn.BatchNorm2d}, "none": set()}.get(norm, {nn.GroupNorm})
    for own in found.values():
        assert all(torch.equal(*pair) for pair in zip(own, found["none"], strict=True))


@pytest.mark.parametrize("norm", ["instance", "group", "layer", "none"])
def test_without_batch_norm_evaluation_is_training(norm: str) -> None:
    encoder = nets.draw_encoder(Net("resnet18", 8, norm), 1, 16, "teacher", 0)
    x = torch.randn(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(encoder.train()(x), encoder.eval()(x))


@pytest.mark.parametrize(
    ("arch", "size", "width", "norm", "told"),
    [
        ("resnet18", 16, 4, "group", "net.norm=group: groups have 8 channels, .*; set net.width=8"),
        ("resnet18", 16, 12, "group", "set net.width=8"),
        ("resnet18", 8, 8, "instance", "at data.size=8 resnet18 ends in maps of one pixel.*data.size=9"),
        ("resnet20", 4, 8, "instance", "data.size=5"),
        ("convnet", 7, 8, "instance", "data.size=8"),
        ("vit_tiny_8", 16, 192, "batch", "net.norm=batch: vit_tiny_8 has layer"),
        ("mlp", 16, 8, "batch", "mlp has none"),
        ("vit_tiny_8", 20, 192, "layer", "data.size=20: vit_tiny_8 has patches of 8 .*set data.size=16"),
        ("vit_tiny_16", 8, 192, "layer", "takes 16 or more"),
        ("vit_small_8", 16, 64, "layer", "net.width=64: vit_small_8 has 6 heads; .* as net.width=60"),
    ],
)
def test_what_does_not_fit_is_told(arch: str, size: int, width: int, norm: str, told: str) -> None:
    assert re.search(told, nets.ARCHITECTURES[arch].why_not(size, width, norm))


def look(areas: list[int], _: nn.Module, args: tuple[torch.Tensor]) -> None:
    areas.append(args[0][0, 0].numel())


@pytest.mark.parametrize(("arch", "size"), [("resnet18", 9), ("resnet20", 5), ("convnet", 8), ("vgg11", 32)])
def test_instance_norm_from_the_smallest_size_that_is_told(arch: str, size: int) -> None:
    """There no map has one pixel, and one pixel less has one (VGGs have a smallest size of their own)."""
    for pixels in (size - 1, size):
        if nets.ARCHITECTURES[arch].why_not(pixels):
            continue
        areas: list[int] = []
        encoder = nets.build(Net(arch, 4, "instance"), 1, pixels)
        for module in encoder.modules():
            if isinstance(module, nn.GroupNorm):
                module.register_forward_pre_hook(partial(look, areas))
        encoder(torch.zeros(2, 1, pixels, pixels))
        assert (min(areas) == 1) == bool(nets.ARCHITECTURES[arch].why_not(pixels, 4, "instance"))
