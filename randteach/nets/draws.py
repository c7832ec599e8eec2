"""Random draws of encoder and head: weights as a pure function of (architecture, role, seed)."""

import torch
from torch import nn

from loaders.streams import stream
from randteach.config.schema import Head as HeadConfig
from randteach.config.schema import Net
from randteach.nets.architectures import ARCHITECTURES
from randteach.nets.head import Head

HEAD_STD = 0.02
WEIGHTED = (nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)


def build(net: Net, channels: int, size: int) -> nn.Module:
    """An encoder with whatever weights it comes with; UserError where there is no such network."""
    return ARCHITECTURES.find(net.arch, "net.arch").build(channels, net.width, size)


def embedding_dim(net: Net, size: int) -> int:
    """Width of the encoder's output at an input of size x size pixels."""
    return ARCHITECTURES.find(net.arch, "net.arch").embedding_dim(net.width, size)


def has_norms(net: Net) -> bool:
    """Whether an encoder has BatchNorm layers."""
    return ARCHITECTURES.find(net.arch, "net.arch").norms


def draw_encoder(net: Net, channels: int, size: int, role: str, seed: int) -> nn.Module:
    """Kaiming normal (fan_out, relu) weights, biases 0, norm weights 1, drawn in module order.

    Raises TypeError for a module with parameters that no rule says how to draw.
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
            raise TypeError(f"{where}: no rule says how parameters of {kind} are drawn; build it of {known}")


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
