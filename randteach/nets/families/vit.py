"""Vision transformers: four sizes with two sizes of patches, standard and as the paper's authors ran them."""

from typing import TYPE_CHECKING

from randteach.nets.architecture import Architecture

if TYPE_CHECKING:
    from torch import nn

SIZES = {"tiny": (192, 3), "small": (384, 6), "medium": (512, 8), "base": (768, 12)}  # width and heads
PATCHES = (8, 16)


def _vit(name: str, width: int, heads: int, patch: int, as_run: bool) -> Architecture:
    def build(channels: int, width: int, size: int) -> "nn.Module":
        from randteach.nets.vit import ViT

        return ViT(channels, width, size, patch, heads, as_run)

    return Architecture(
        name,
        "vit",
        build,
        lambda width, size: width,
        norms=("layer",),
        width=width,
        smallest=patch,
        heads=heads,
        patch=patch,
    )


VITS = tuple(
    _vit(f"vit_{size}_{patch}{'_as_run' if as_run else ''}", width, heads, patch, as_run)
    for as_run in (False, True)
    for size, (width, heads) in SIZES.items()
    for patch in PATCHES
)
