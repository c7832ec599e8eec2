"""Vision transformers against loops over heads and tokens."""

import math

import torch
from torch.nn import functional as F

from randteach import nets
from randteach.config.schema import Net

HEADS, CHANNELS = 3, 4
WIDTH = HEADS * CHANNELS


def drawn(arch: str) -> torch.nn.Module:
    return nets.draw_encoder(Net(arch, WIDTH), 1, 16, "teacher", 0).double()


def qkv(block: torch.nn.Module, x_TD: torch.Tensor) -> list[list[list[torch.Tensor]]]:
    """Query, key and value of each token and head."""
    weight, bias = block.qkv.weight, block.qkv.bias
    flat_TD = F.layer_norm(x_TD, (WIDTH,)) @ weight.T + bias
    return [
        [[token[part * WIDTH + head * CHANNELS :][:CHANNELS] for head in range(HEADS)] for token in flat_TD]
        for part in range(3)
    ]


def mixed(query: torch.Tensor, keys: list[torch.Tensor], values: list[torch.Tensor]) -> torch.Tensor:
    scores = [math.exp(float(query @ key) / math.sqrt(CHANNELS)) for key in keys]
    return sum(score * value for score, value in zip(scores, values, strict=True)) / sum(scores)


def rest(block: torch.nn.Module, x_TD: torch.Tensor, attended_TD: torch.Tensor, twice: bool) -> torch.Tensor:
    x_TD = x_TD + attended_TD @ block.out.weight.T + block.out.bias
    hidden = F.gelu(F.layer_norm(x_TD, (WIDTH,)) @ block.up.weight.T + block.up.bias)
    added = hidden @ block.down.weight.T + block.down.bias
    return x_TD + (F.gelu(added) if twice else added)


def tokens(encoder: torch.nn.Module, x_HW: torch.Tensor, patch: int) -> torch.Tensor:
    weight, bias = encoder.patches.weight[:, 0], encoder.patches.bias
    squares = [x_HW[r : r + patch, c : c + patch] for r in range(0, 16, patch) for c in range(0, 16, patch)]
    embedded = [(weight * square).sum((1, 2)) + bias for square in squares]
    return torch.stack([encoder.token_D, *embedded]) + encoder.positions_TD


@torch.no_grad()
def test_standard_by_loops() -> None:
    """Tokens attend to tokens, head by head, in twelve blocks."""
    encoder, x = drawn("vit_tiny_8"), torch.randn(2, 1, 16, 16, dtype=torch.float64)
    assert len(encoder.blocks) == 12
    for image, embedding in zip(x, encoder(x), strict=True):
        x_TD = tokens(encoder, image[0], 8)
        for block in encoder.blocks:
            q, k, v = qkv(block, x_TD)
            attended = torch.stack(
                [
                    torch.cat([mixed(q[t][h], [o[h] for o in k], [o[h] for o in v]) for h in range(HEADS)])
                    for t in range(len(x_TD))
                ]
            )
            x_TD = rest(block, x_TD, attended, twice=False)
        torch.testing.assert_close(embedding, F.layer_norm(x_TD[0], (WIDTH,)))


@torch.no_grad()
def test_as_run_by_loops() -> None:
    """Heads of a token attend to each other; the result is read in another order than it was laid out."""
    encoder, x = drawn("vit_tiny_8_as_run"), torch.randn(2, 1, 16, 16, dtype=torch.float64)
    (block,) = encoder.blocks
    for image, embedding in zip(x, encoder(x), strict=True):
        x_TD = tokens(encoder, image[0], 8)
        for _ in range(12):
            q, k, v = qkv(block, x_TD)
            laid_out = [mixed(q[t][h], k[t], v[t]) for h in range(HEADS) for t in range(len(x_TD))]
            x_TD = rest(block, x_TD, torch.cat(laid_out).view(len(x_TD), WIDTH), twice=True)
        torch.testing.assert_close(embedding, F.layer_norm(x_TD[0], (WIDTH,)))


def test_draws() -> None:
    """Linear layers and patches are uniform in 1/sqrt(fan_in), class token and positions normal."""
    encoder = nets.draw_encoder(Net("vit_base_16"), 3, 32, "teacher", 0)
    for name, bound in (("patches", 768**-0.5), ("blocks.3.qkv", 768**-0.5), ("blocks.0.down", 3072**-0.5)):
        layer = encoder.get_submodule(name)
        assert 0.999 * bound < float(layer.weight.abs().max()) <= bound
        assert abs(float(layer.weight.std()) - bound / math.sqrt(3)) < 0.01 * bound
        assert 0.9 * bound < float(layer.bias.abs().max()) <= bound
    assert abs(float(encoder.positions_TD.std()) - 1) < 0.05 and abs(float(encoder.token_D.std()) - 1) < 0.1
    assert bool((encoder.norm.weight == 1).all()) and not encoder.norm.bias.any()
