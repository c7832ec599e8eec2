"""Norm layers by name: what stands behind each convolution."""

from collections.abc import Callable, Mapping

from torch import nn

from randteach.nets.architecture import GROUP

# From channels to a norm layer, with gamma and beta a channel. Instance, group and layer norm are one
# formula, over one, eight and all channels. They keep no averages, so that student and teacher are one
# function at alpha = 0.
NORM_LAYERS: Mapping[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": lambda channels: nn.GroupNorm(channels, channels),
    "group": lambda channels: nn.GroupNorm(channels // GROUP, channels),
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "none": lambda channels: nn.Identity(),
}
