"""The head's bottleneck, part by part, against sums done by hand; and its spelling in records."""

import pytest
import torch
from torch.nn import functional as F

from randteach import identity, nets
from randteach.config import overrides
from randteach.config.schema import Head
from randteach.errors import UserError
from randteach.jobs.build import distill_job
from randteach.jobs.resolve import resolve
from randteach.nets.bottleneck import parts, recorded
from sweeps.init_distance import STUDY

# Those of the paper's Figure 12, with weight norm as written and as run.
FIGURE_12 = [
    "-/lb/fn/wn/l/-",
    "-/lb/fn/-/l/-",
    "wn/lb/-/wn/l/-",
    "-/lb/-/wn/l/-",
    "-/lb/fn/-/l/fn",
    "-/lb/-/-/l/fn",
    "-/lb/-/-/l/-",
    "-/-/-/-/l/fn",
    "-/-/-/-/l/-",
    "wn/l/fn/wn/lb/fn",
    "-/lb/fn/-/-/-",
    "-/-/fn/-/-/-",
    "-/-/-/-/-/fn",
    "-/-/-/-/-/-",
]


@pytest.mark.parametrize("hidden", [[], [5], [5, 7, 6]])
@pytest.mark.parametrize("text", FIGURE_12)
def test_each_part_by_hand(text: str, hidden: list[int]) -> None:
    first, last = parts(Head(bottleneck=text))
    have = hidden[-1] if hidden else 4
    width = 3 if first.there else have
    config = Head(hidden, width, 6 if last.there else width, bottleneck=text)
    head = nets.draw_head(config, 4, "teacher", 0)
    with torch.no_grad():
        for number, parameter in enumerate(head.parameters()):
            parameter += torch.linspace(-1, 1 + number, parameter.numel()).view(parameter.shape)
    own, x_BD = dict(head.named_parameters()), torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    z = x_BD
    for number in range(len(hidden)):
        z = F.gelu(z @ own[f"layers.{2 * number}.weight"].T + own[f"layers.{2 * number}.bias"])
    for layer, name in ((first, f"layers.{2 * len(hidden)}"), (last, "last")):
        if layer.there:
            weight = own[f"{name}.weight"]
            if layer.weight_norm:
                weight = weight / weight.square().sum(1, keepdim=True).sqrt()
            z = z @ weight.T
            assert (f"{name}.bias" in own) == (layer.linear == "lb")
            z = z + own[f"{name}.bias"] if layer.linear == "lb" else z
        if layer.feature_norm:
            z = z / z.square().sum(1, keepdim=True).sqrt()
    torch.testing.assert_close(head(x_BD), z)
    assert (
        len(own)
        == 2 * len(hidden)
        + {"l": 1, "lb": 2, "-": 0}[first.linear]
        + {
            "l": 1,
            "lb": 2,
            "-": 0,
        }[last.linear]
    )


@pytest.mark.parametrize(
    "text", ["", "-", "-/lb/fn/-/l", "-/lb/fn/-/l/-/-", "-/b/fn/-/l/-", "fn/lb/wn/-/l/-"]
)
def test_a_spelling_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="takes six fields"):
        parts(Head(bottleneck=text or "/"))


def test_weight_norm_needs_a_layer() -> None:
    with pytest.raises(UserError, match="wn has no layer"):
        parts(Head(bottleneck="-/lb/fn/wn/-/-"))


def head_of(*typed: str) -> Head:
    axes = overrides.parse(STUDY.presets["mini"], typed)
    return resolve(next(iter(axes.points())), axes.typed).head


def key_of(*typed: str) -> str:
    axes = overrides.parse(STUDY.presets["mini"], typed)
    return distill_job(resolve(next(iter(axes.points())), axes.typed)).key


def test_one_meaning_has_one_key() -> None:
    usual = key_of()
    assert key_of("head.bottleneck=-/lb/fn/-/l/-") == usual == key_of("head.bottleneck=null")
    written = key_of("head.weight_norm=true")
    assert key_of("head.bottleneck=-/lb/fn/wn/l/-") == written != usual
    assert key_of("head.bottleneck=-/lb/fn/wn/l/-", "head.weight_norm=true") == written
    bare = key_of("head.bottleneck=-/-/-/-/l/-")
    assert bare == key_of("head.bottleneck=-/-/-/-/l/-", "head.bottleneck_dim=7") not in (usual, written)
    assert "bottleneck" not in identity.canonical(recorded(head_of())).keys() - {"bottleneck_dim"}


def test_widths_follow_from_the_parts() -> None:
    assert (head_of().bottleneck, head_of().bottleneck_dim) == ("-/lb/fn/-/l/-", 64)
    assert head_of("head.bottleneck=-/-/fn/-/l/-").bottleneck_dim == 256
    assert head_of("head.bottleneck=-/-/fn/-/l/-", "head.hidden_dims=[]").bottleneck_dim == 64  # 8 x width
    assert head_of("head.bottleneck=-/lb/fn/-/-/-").out_dim == 64
    assert head_of("head.bottleneck=-/-/fn/-/-/-", "head.hidden_dims=[17]").out_dim == 17


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["head.bottleneck=-/lb/fn/-/-/-", "head.out_dim=65"], "head.out_dim=65: .* the 64 units"),
        (["head.bottleneck=-/lb/fn/-/l/-", "head.weight_norm=true"], "head.weight_norm=true: .*otherwise"),
        (["head.bottleneck=-/lb/fn/wn/l/-", "head.weight_norm=false"], "head.weight_norm=false: .*otherwise"),
        (["head.out_dim=1"], "head.out_dim=1: distill.loss=ce says nothing of so few outputs; give 2"),
        (["head.bottleneck=-/l/-/-/-/-", "head.bottleneck_dim=1"], "head.out_dim=1: "),
    ],
)
def test_what_does_not_fit_is_refused(typed: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        head_of(*typed)


def test_one_output_can_be_matched_by_its_square() -> None:
    assert head_of("head.out_dim=1", "distill.loss=mse").out_dim == 1
