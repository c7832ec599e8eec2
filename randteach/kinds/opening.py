"""Inputs that several kinds open alike."""

from typing import TYPE_CHECKING

import torch

from randteach import nets
from randteach.config.schema import Head
from randteach.kinds.inputs import Inputs
from randteach.specs import Draw, Network, Samples
from randteach.stages.embed import drawn_encoder
from randteach.stages.recorder import Tensors

if TYPE_CHECKING:
    from randteach.stages.evaluate import Inputs as Held


def both(samples: Samples, test_count: int, inputs: Inputs) -> "tuple[Held, Held]":
    """The training and the test samples, held."""
    return inputs.held(samples, "train", samples.count), inputs.held(samples, "test", test_count)


def without_head(reference: Network, size: int, inputs: Inputs) -> dict[str, torch.Tensor]:
    """Weights of an encoder, with the statistics that a calibrated draw has."""
    found = inputs.network(reference, size)
    if isinstance(reference, Draw) and (seen := inputs.calibration(reference)):
        encoder = drawn_encoder(reference, size, inputs.device, seen)
        found |= {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    return found


def with_head(reference: Network, head: Head, size: int, inputs: Inputs) -> Tensors:
    """Weights of an encoder and of the head that it was trained, or drawn, with."""
    found = without_head(reference, size, inputs)
    if isinstance(reference, Draw):
        drawn = nets.draw_head(head, nets.embedding_dim(reference.net, size), reference.role, reference.seed)
        return found | {f"head.{name}": value for name, value in drawn.state_dict().items()}
    state = inputs.state(reference)
    return found | {name: value for name, value in state.items() if name.startswith("head.")}
