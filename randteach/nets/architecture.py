"""The declaration of a network: all that the rest of the software needs to know about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Architecture:
    """An encoder x_BCHW -> embedding_BD, H = W.

    `build` takes channels, width and size, and may give it any weights: they are drawn anew. `embedding_dim`
    takes width and size.
    """

    name: str
    family: str
    build: "Callable[[int, int, int], nn.Module]"
    embedding_dim: Callable[[int, int], int]
    norms: bool  # whether it has BatchNorm layers
    smallest: int = 1  # pixels, height and width
    why_smallest: str = ""  # what makes it the smallest, for people
    revision: int = 1  # raised where the same settings build another network; part of every key

    def why_not(self, size: int) -> str:
        """Why it can't take inputs of this size, and what to do; nothing where it can."""
        if size >= self.smallest:
            return ""
        least = f"takes {self.smallest} or more; set data.size={self.smallest}"
        return f"data.size={size}: {self.name} {self.why_smallest and self.why_smallest + ' and '}{least}"
