"""Draws: every parameter comes from its own stream, whatever a network is built of."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from loaders.streams import stream
from randteach.config.schema import Net
from randteach.errors import UserError
from randteach.nets import ARCHITECTURES, build, draw_encoder
from randteach.nets.architecture import Architecture
from randteach.nets.draws import draw_


def mixed() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(16, 3), nn.LayerNorm(3)
    )


def test_every_parameter_is_drawn_from_the_stream() -> None:
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        module = mixed()
        for parameter in module.parameters():
            nn.init.uniform_(parameter)  # whatever it comes with
        draw_(module, stream("encoder/teacher", 3))
        found.append(module.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert float(found[0]["3.weight"].std()) > 0 and torch.equal(found[0]["4.weight"], torch.ones(3))


class Bare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(3))


@pytest.mark.parametrize(
    ("module", "told"), [(Bare(), "1.token: .* of Bare"), (nn.PReLU(), "1.weight: .* of PReLU")]
)
def test_a_parameter_without_a_rule_is_refused(module: nn.Module, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        draw_(nn.Sequential(nn.Conv2d(1, 1, 1), module), stream("encoder/teacher", 0))


def test_a_network_is_one_declaration() -> None:
    own = Architecture(
        "tiny", "mlp", lambda c, w, s: nn.Linear(c * s * s, w), lambda w, s: w, norms=("none",)
    )
    with ARCHITECTURES.extended(own):
        assert draw_encoder(Net("tiny", 5), 1, 4, "teacher", 0).weight.shape == (5, 16)
    with pytest.raises(UserError, match=r"net.arch=tiny: no such network; there are resnet18, resnet34"):
        build(Net("tiny", 5), 1, 4)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_declarations_say_what_networks_are(name: str) -> None:
    known, size = ARCHITECTURES[name], 64
    width = 8 * known.heads
    for norm in known.norms:
        with torch.device("meta"):
            network = known.module(3, width, size, norm)
            assert network(torch.zeros(2, 3, size, size)).shape == (2, known.embedding_dim(width, size))
        assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == (norm == "batch")
    assert known.why_not(known.smallest) == "" and (known.smallest == 1 or known.why_not(known.smallest - 1))
    assert not known.wrong and "norms=True" in replace(known, norms=True).wrong
