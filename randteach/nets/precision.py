"""How precisely a training computes: float32, TF32, or bfloat16 where its rounding does no harm.

`bf16`: the encoder and the head's hidden layers multiply bfloat16 numbers and add in float32, forwards and
backwards. Weights, bottleneck, last layer, classifier, loss and optimiser stay float32. `tf32`: a GPU's
products of float32 numbers take ten bits of each, everywhere.
"""

from contextlib import AbstractContextManager, nullcontext

import torch


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The encoder and the hidden layers are computed in the precision within it.

    Without a cache of rounded weights, which would outlive a step that changes them in a captured graph.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=False)


def float32(x: torch.Tensor) -> AbstractContextManager[None]:
    """What is computed within it is float32, whatever is around it."""
    if torch.amp.is_autocast_available(x.device.type):  # shapes alone, on "meta", have none
        return torch.autocast(x.device.type, torch.bfloat16, enabled=False)
    return nullcontext()
