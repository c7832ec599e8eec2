"""Vision transformers for small images, standard and as the paper's authors ran them."""

import torch
from torch import nn
from torch.nn import functional as F

DEPTH = 12  # times that a token passes a block


class ViT(nn.Module):
    """x_BCHW -> embedding_BD, the class token after the last norm; D = width.

    `as_run` is what the paper's Table 5 shows: one block twelve times, in which the heads of a token attend
    to each other (the paper describes the standard network).
    """

    def __init__(self, channels: int, width: int, size: int, patch: int, heads: int, as_run: bool) -> None:
        super().__init__()
        self.patches = _Conv2d(channels, width, patch, patch)
        self.token_D = nn.Parameter(torch.zeros(width))
        self.positions_TD = nn.Parameter(torch.zeros((size // patch) ** 2 + 1, width))
        block = _AsRun if as_run else _Block
        self.blocks = nn.ModuleList(block(width, heads) for _ in range(1 if as_run else DEPTH))
        self.norm = nn.LayerNorm(width)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        x_BTD = self.patches(x_BCHW).flatten(2).transpose(1, 2)
        token_B1D = self.token_D.expand(len(x_BTD), 1, -1)
        x_BTD = torch.cat([token_B1D, x_BTD], dim=1) + self.positions_TD
        for number in range(DEPTH):
            x_BTD = self.blocks[number % len(self.blocks)](x_BTD)
        embedding: torch.Tensor = self.norm(x_BTD[:, 0])
        return embedding

    def draw_own_(self, generator: torch.Generator) -> None:
        """Class token and positions from N(0, 1)."""
        self.token_D.normal_(generator=generator)
        self.positions_TD.normal_(generator=generator)


class _Linear(nn.Linear):
    def draw_own_(self, generator: torch.Generator) -> None:
        _uniform_(self, generator)


class _Conv2d(nn.Conv2d):
    def draw_own_(self, generator: torch.Generator) -> None:
        _uniform_(self, generator)


def _uniform_(layer: nn.Linear | nn.Conv2d, generator: torch.Generator) -> None:
    """Weights and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
    bound = layer.weight[0].numel() ** -0.5
    for parameter in layer.parameters():
        parameter.uniform_(-bound, bound, generator=generator)


class _Block(nn.Module):
    """Attention among tokens, then a hidden layer of four times the width, each behind a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = _Linear(width, 3 * width), _Linear(width, width)
        self.up, self.down = _Linear(width, 4 * width), _Linear(4 * width, width)

    def forward(self, x_BTD: torch.Tensor) -> torch.Tensor:
        shape_3BTHC = (*x_BTD.shape[:2], 3, self.heads, -1)
        q_BTHC, k_BTHC, v_BTHC = self.qkv(self.norm_1(x_BTD)).view(shape_3BTHC).unbind(2)
        x_BTD = x_BTD + self.out(self.attend(q_BTHC, k_BTHC, v_BTHC).reshape(x_BTD.shape))
        return x_BTD + self.mlp(self.norm_2(x_BTD))

    def attend(self, q_BTHC: torch.Tensor, k_BTHC: torch.Tensor, v_BTHC: torch.Tensor) -> torch.Tensor:
        """The heads' outputs as (batch, token, head, channel)."""
        q_BHTC, k_BHTC, v_BHTC = (one.transpose(1, 2) for one in (q_BTHC, k_BTHC, v_BTHC))
        return _attention(q_BHTC, k_BHTC, v_BHTC).transpose(1, 2)

    def mlp(self, x_BTD: torch.Tensor) -> torch.Tensor:
        """The hidden layer."""
        changed: torch.Tensor = self.down(F.gelu(self.up(x_BTD)))
        return changed


class _AsRun(_Block):
    """Attention among the heads of one token, its output laid out anew, and a second GELU."""

    def attend(self, q_BTHC: torch.Tensor, k_BTHC: torch.Tensor, v_BTHC: torch.Tensor) -> torch.Tensor:
        # As (head, token, channel), read as (token, width): only this mixes tokens.
        return _attention(q_BTHC, k_BTHC, v_BTHC).transpose(1, 2)

    def mlp(self, x_BTD: torch.Tensor) -> torch.Tensor:
        return F.gelu(super().mlp(x_BTD))


def _attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """softmax(q k' / sqrt(channels)) v over the last two dimensions.

    Written out: on CUDA the fused ways have no deterministic backward.
    """
    weights = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)
    return weights @ v
