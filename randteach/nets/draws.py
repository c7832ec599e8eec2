"""Random draws of encoder and head: weights as a pure function of (architecture, role, seed)."""

from typing import Protocol, runtime_checkable

import torch
from torch import nn

from loaders.streams import stream
from randteach.config.schema import Head as HeadConfig
from randteach.config.schema import Net
from randteach.nets.architectures import find, settled
from randteach.nets.head import Head

HEAD_STD = 0.02
WEIGHTED = (nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)


@runtime_checkable
class Drawing(Protocol):
    """A module that draws its own parameters, and not those of modules within it."""

    def draw_own_(self, generator: torch.Generator) -> None:
        """Draw them from the generator alone."""


def build(net: Net, channels: int, size: int) -> nn.Module:
    """An encoder with whatever weights it comes with; UserError where there is no such network."""
    width, norm = settled(net)
    return find(net).module(channels, width, size, norm)


def embedding_dim(net: Net, size: int) -> int:
    """Width of the encoder's output at an input of size x size pixels."""
    return find(net).embedding_dim(settled(net)[0], size)


def has_batch_norm(net: Net) -> bool:
    """Whether an encoder has BatchNorm layers."""
    return settled(net)[1] == "batch"


def draw_encoder(net: Net, channels: int, size: int, role: str, seed: int) -> nn.Module:
    """Kaiming normal (fan_out, relu) weights, biases 0, norm weights 1, drawn in module order.

    A module with a method `draw_own_(generator)` draws its own parameters. Raises TypeError for one with
    parameters that no rule says how to draw.
    """
    encoder = build(net, channels, size)
    draw_(encoder, stream(f"encoder/{role}", seed))
    return encoder


@torch.no_grad()
def draw_(encoder: nn.Module, generator: torch.Generator) -> None:
    """Draw every parameter of an encoder; nothing of it comes from torch's global stream."""
    for name, module in encoder.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if not own:
            continue
        if isinstance(module, Drawing):
            module.draw_own_(generator)
            continue
        if isinstance(module, WEIGHTED):
            nn.init.kaiming_normal_(
                own.pop("weight"), mode="fan_out", nonlinearity="relu", generator=generator
            )
        elif isinstance(module, NORMS):
            own.pop("weight").fill_(1)
        if "bias" in own and isinstance(module, WEIGHTED + NORMS):
            own.pop("bias").zero_()
        if own:
            kind, where = type(module).__name__, f"{name}.{next(iter(own))}".lstrip(".")
            known = ", ".join(one.__name__ for one in WEIGHTED + NORMS)
            raise TypeError(
                f"{where}: no rule says how parameters of {kind} are drawn; build it of {known}, or give it "
                "a method draw_own_(generator)"
            )


def draw_head(config: HeadConfig, embedding: int, role: str, seed: int) -> Head:
    """Linear weights from a truncated normal (std 0.02, bounds -2 and 2), biases 0."""
    head, generator = Head(config, embedding), stream(f"head/{role}", seed)
    for module in head.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=HEAD_STD, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return head


def draw_classifier(dim: int, classes: int, seed: int) -> nn.Linear:
    """A linear layer with weights and biases from U(-1/sqrt(dim), 1/sqrt(dim))."""
    layer, generator = nn.Linear(dim, classes), stream("classifier", seed)
    bound = dim**-0.5
    for parameter in (layer.weight, layer.bias):
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer
