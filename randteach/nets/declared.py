"""Check that a network from outside is what it declares, before any job uses it."""

from functools import cache

import torch
from torch import nn

from randteach.errors import UserError
from randteach.nets.architecture import Architecture
from randteach.nets.draws import draw_


@cache
def check(architecture: Architecture, channels: int, width: int, size: int, norm: str) -> None:
    """Build, draw and run a network once; UserError where it is not what it declares."""
    about = f"net.arch={architecture.name} net.width={width} data.size={size}"
    with torch.random.fork_rng(devices=[]):
        try:
            encoder = architecture.module(channels, width, size, norm).eval()
            draw_(encoder, torch.Generator())
            with torch.no_grad():
                shape = tuple(encoder(torch.zeros(2, channels, size, size)).shape)
        except Exception as error:  # whatever a module raises
            raise UserError(f"{about}: can't be built and run ({type(error).__name__}: {error})") from None
    wanted = (2, architecture.embedding_dim(width, size))
    if shape != wanted:
        raise UserError(f"{about}: gives an embedding of shape {shape} for two images, declared is {wanted}")
    if (norm == "batch") != any(isinstance(module, nn.BatchNorm2d) for module in encoder.modules()):
        raise UserError(f"{about}: norms={architecture.norms} is declared, and its modules say otherwise")
