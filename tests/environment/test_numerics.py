"""What decides bits, by precision."""

import pytest

from randteach.environment import numerics


def test_precisions_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    _, usual = numerics.set_up(1, 0)
    assert usual == numerics.set_up(1, 0, "fp32")[1]
    with pytest.raises(RuntimeError, match="tf32 is a precision of GPUs"):
        numerics.set_up(1, 0, "tf32")
    digests = {usual.digest}
    for units in ("", "AVX512_BF16", "AMX AVX512_BF16"):  # which add in other orders
        monkeypatch.setattr(numerics, "bf16_units", lambda units=units: units)
        digests.add(numerics.set_up(1, 0, "bf16")[1].digest)
    assert len(digests) == 4
