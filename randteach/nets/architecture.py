"""The declaration of a network: all that the rest of the software needs to know about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from randteach.config.schema import NORMS

if TYPE_CHECKING:
    from torch import nn

GROUP = 8  # channels that `group` normalises together (paper, Figure 11)


def own_first(own: str) -> tuple[str, ...]:
    """All norm layers, for a network that can have any."""
    return (own, *(norm for norm in NORMS if norm != own))


@dataclass(frozen=True)
class Architecture:
    """An encoder x_BCHW -> embedding_BD, H = W.

    `build` takes channels, width and size, and a norm layer's name as well where `norms` has several. It may
    give the module any weights: they are drawn anew. `embedding_dim` takes width and size. `norms` are the
    norm layers that it can have, its own first.
    """

    name: str
    family: str
    build: "Callable[..., nn.Module]"
    embedding_dim: Callable[[int, int], int]
    norms: tuple[str, ...]
    width: int = 64  # that of the paper's network
    smallest: int = 1  # pixels, height and width
    why_smallest: str = ""  # what makes it the smallest, for people
    single: int = 0  # inputs of up to so many pixels end in maps of one pixel
    heads: int = 1  # the width is a multiple of them
    patch: int = 1  # the size is a multiple of it
    revision: int = 1  # raised where the same settings build another network; part of every key

    @property
    def wrong(self) -> str:
        """Say why the declaration can't be right; empty if it can."""
        norms: object = self.norms
        if not isinstance(norms, tuple) or not norms or not set(norms) <= set(NORMS):
            return f"norms={self.norms!r}: takes a tuple of some of {', '.join(NORMS)}, its own first"
        return ""

    def module(self, channels: int, width: int, size: int, norm: str) -> "nn.Module":
        """An encoder with whatever weights it comes with."""
        return self.build(channels, width, size, *([norm] if len(self.norms) > 1 else []))

    def why_not(self, size: int, width: int | None = None, norm: str | None = None) -> str:
        """Why it can't be built so, and what to do; nothing where it can.

        Without width and norm they are its own.
        """
        width, norm = width or self.width, norm or self.norms[0]
        if size < self.smallest:
            least = f"takes {self.smallest} or more; set data.size={self.smallest}"
            return f"data.size={size}: {self.name} {self.why_smallest and self.why_smallest + ' and '}{least}"
        if size % self.patch:
            near = f"data.size={max(1, size // self.patch) * self.patch}"
            return f"data.size={size}: {self.name} has patches of {self.patch} pixels; set {near}"
        if width % self.heads:
            near = f"net.width={max(1, width // self.heads) * self.heads}"
            return f"net.width={width}: {self.name} has {self.heads} heads; give a multiple, as {near}"
        if norm not in self.norms:
            return f"net.norm={norm}: {self.name} has {' or '.join(self.norms)}; give one of these"
        if norm == "group" and width % GROUP:
            hint = f"set net.width={max(1, width // GROUP) * GROUP}"
            return (
                f"net.norm=group: groups have {GROUP} channels, and net.width={width} is no multiple; {hint}"
            )
        if norm == "instance" and size <= self.single:
            ends = f"ends in maps of one pixel, which instance norm makes 0; set data.size={self.single + 1}"
            return f"net.norm=instance: at data.size={size} {self.name} {ends}"
        return ""
