"""Text of values: short, and different for different values."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from randteach.config.labels import label

SHOWN = [
    (1e-10, "1e-10"), (5e-7, "5e-7"), (1e-07, "1e-7"), (0.3, "0.3"), (1.0, "1"), (0.0, "0"), (1e22, "1e22"),
    (0.1 + 0.2, "0.30000000000000004"), (123456789.0, "123456789"), (2**53 + 1, "9007199254740993"),
    (np.float64(1e-10), "1e-10"), (np.int64(3), "3"), ("", ""), ("2024_01", "2024_01"), ([8, 9], "[8, 9]"),
    (None, ""), (float("nan"), ""), (pd.NA, ""), (True, "True"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), SHOWN, ids=str)
def test_a_label_is_the_shortest_text_of_its_value(value: object, text: str) -> None:
    assert label(value) == text


@given(value=st.floats(allow_nan=False))
def test_a_label_reads_back_as_the_same_float(value: float) -> None:
    assert float(label(value)) == value and len(label(value)) <= len(repr(value))
