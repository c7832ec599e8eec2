"""What is rounded to bfloat16, and what is not."""

import torch

from randteach import nets
from randteach.config.schema import Head
from randteach.nets.precision import autocast

CPU = torch.device("cpu")


def test_hidden_layers_are_rounded_and_what_follows_is_not() -> None:
    """Outputs near to the teacher's differ by less than bfloat16 can tell."""
    head = nets.draw_head(Head([8], 4, 6), 5, "student", 0)
    seen: dict[int, torch.dtype] = {}
    for at, layer in enumerate(head.layers):
        layer.register_forward_hook(lambda _, __, out, at=at: seen.__setitem__(at, out.dtype))
    x_BD = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    with autocast("bf16", CPU):
        rounded_BK = head(x_BD)
    assert seen == {0: torch.bfloat16, 1: torch.bfloat16, 2: torch.float32}
    exact_BK = head(x_BD)
    assert rounded_BK.dtype == torch.float32 and 0 < (rounded_BK - exact_BK).abs().max() < 1e-3
    for precision in ("fp32", "tf32"):
        with autocast(precision, CPU):
            assert torch.equal(head(x_BD), exact_BK)


def test_a_head_without_hidden_layers_rounds_nothing() -> None:
    head, x_BD = nets.draw_head(Head([], 4, 6), 5, "student", 0), torch.ones(3, 5)
    with autocast("bf16", CPU):
        assert torch.equal(head(x_BD), head(x_BD.float()))
        rounded_BK = head(x_BD)
    assert torch.equal(rounded_BK, head(x_BD))
