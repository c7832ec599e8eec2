"""Random draws of encoder and head: weights as a pure function of (architecture, role, seed)."""

from torch import nn

from loaders.streams import stream
from randteach.config.schema import Head as HeadConfig
from randteach.config.schema import Net
from randteach.nets.head import Head

HEAD_STD = 0.02


def build(net: Net, channels: int, size: int) -> nn.Module:
    """An encoder with whatever weights it comes with; `check_shape` says which shapes it takes."""
    # Imported here: torchvision takes seconds, which a plan that is done already need not wait for.
    from randteach.nets.resnet import ResNet18
    from randteach.nets.vgg import VGG11

    if net.arch == "vgg11":
        return VGG11(channels, net.width, size)
    return ResNet18(channels, net.width)


def embedding_dim(net: Net, size: int) -> int:
    """Width of the encoder's output at an input of size x size pixels."""
    return 8 * net.width * ((size // 32) ** 2 if net.arch == "vgg11" else 1)


def check_shape(net: Net, size: int) -> str | None:
    """What is wrong with this input size, and what to do, or None."""
    if net.arch == "vgg11" and size < 32:
        return f"data.size={size}: vgg11 halves its input five times and takes 32 or more; set data.size=32"
    return None


def draw_encoder(net: Net, channels: int, size: int, role: str, seed: int) -> nn.Module:
    """Kaiming normal (fan_out, relu) convolutions, biases 0, norm weights 1, drawn in module order."""
    encoder, generator = build(net, channels, size), stream(f"encoder/{role}", seed)
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return encoder


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
