"""Interpolated initial weights, and distances between parameters."""

import math
from collections.abc import Iterable

import torch
from torch import nn


@torch.no_grad()
def mix_(teacher: nn.Module, fresh: nn.Module, alpha: float, variance_preserving: bool) -> nn.Module:
    """Turn `fresh` into theta_S(alpha), mixed in float64 and rounded once (paper, section 3).

    ((1 - alpha) teacher + alpha fresh) / sqrt(alpha^2 + (1 - alpha)^2), on every parameter; buffers
    stay those of the fresh draw. `alpha` lies in [0, 1]; without `variance_preserving` the divisor is 1.
    """
    scale = math.hypot(alpha, 1 - alpha) if variance_preserving else 1.0
    for ours, theirs in zip(fresh.parameters(), teacher.parameters(), strict=True):
        ours.copy_(((1 - alpha) * theirs.double().to(ours.device) + alpha * ours.double()) / scale)
    return fresh


@torch.no_grad()
def distance(one: Iterable[torch.Tensor], other: Iterable[torch.Tensor]) -> torch.Tensor:
    """L2 distance over all tensors, a float64 scalar on their device."""
    parts = [torch.linalg.vector_norm(a - b, dtype=torch.float64) for a, b in zip(one, other, strict=True)]
    return torch.linalg.vector_norm(torch.stack(parts))
