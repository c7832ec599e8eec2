"""Weighted sums of networks: the points of lines and planes between them."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn


class Blend:
    """A module whose weights and buffers are set to weighted sums of networks'.

    Sums are taken in float64 and rounded once, so that a network of weight 1 among others of weight 0 is
    reproduced to the last bit. Counters of batches stay the module's.
    """

    def __init__(self, module: nn.Module, networks: Sequence[Mapping[str, torch.Tensor]]) -> None:
        parameters = {name for name, _ in module.named_parameters()}
        state = {name: value for name, value in module.state_dict().items() if value.is_floating_point()}
        # Parameters first: distances are theirs alone.
        self.targets = {name: state[name] for name in sorted(state, key=lambda n: n not in parameters)}
        self.flat_KP = torch.stack([self._flat(network) for network in networks])
        self.count = sum(state[name].numel() for name in parameters)
        self.module = module

    def _flat(self, network: Mapping[str, torch.Tensor]) -> torch.Tensor:
        parts = [network[name].to(like.device).double().flatten() for name, like in self.targets.items()]
        return torch.cat(parts)

    @property
    def parameters_KP(self) -> torch.Tensor:
        """The networks' parameters in float64, without buffers."""
        return self.flat_KP[:, : self.count]

    @torch.no_grad()
    def set(self, weights: Sequence[float]) -> None:
        """Make the module the sum of the networks with these weights."""
        self.mixed_P = torch.zeros_like(self.flat_KP[0])
        for weight, network_P in zip(weights, self.flat_KP, strict=True):
            if weight:
                self.mixed_P.add_(network_P, alpha=weight)
        at = 0
        for target in self.targets.values():
            target.copy_(self.mixed_P[at : at + target.numel()].view(target.shape))
            at += target.numel()

    def norm(self) -> float:
        """L2 norm of the parameters that the module was set to."""
        return float(torch.linalg.vector_norm(self.mixed_P[: self.count]))
