"""Class-balanced subsets of any labels."""

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders import DataError
from loaders.order import balanced, held_out


@settings(max_examples=50, deadline=None)
@given(data=st.data(), labels=st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_any_subset_is_balanced_nested_and_ascending(data: st.DataObject, labels: list[int]) -> None:
    set_N = np.array(labels)
    more = data.draw(st.integers(0, len(labels)))
    fewer = data.draw(st.integers(0, more))
    small, large = balanced(set_N, fewer), balanced(set_N, more)
    assert len(small) == fewer and len(large) == more
    assert set(small) <= set(large)
    assert (np.diff(small) > 0).all() and (np.diff(large) > 0).all()
    # One of each class in turn, lowest label first, as long as it has any: no class gets ahead by two.
    left, wanted = np.bincount(set_N, minlength=5), np.zeros(5, int)
    while wanted.sum() < more:
        for label in np.flatnonzero(left)[: more - wanted.sum()]:
            wanted[label] += 1
            left[label] -= 1
    assert np.bincount(set_N[large], minlength=5).tolist() == wanted.tolist()
    open_ended = wanted[left > 0]
    assert not len(open_ended) or open_ended.max() - open_ended.min() <= 1
    apart = len(labels) - more
    assert not set(balanced(set_N, more, holdout=apart)) & set(held_out(set_N, apart))
    with pytest.raises(DataError, match="ask for fewer"):
        balanced(set_N, more, holdout=apart + 1)


def test_each_class_is_shuffled_by_a_constant_stream_of_its_own() -> None:
    labels = np.array([0, 2] * 6 + [7] * 6)
    chosen = []
    for label in (0, 2, 7):
        seed = int.from_bytes(hashlib.sha256(f'["subset",{label}]'.encode()).digest()[:8], "big")
        order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
        chosen += np.flatnonzero(labels == label)[order[:4]].tolist()
    assert balanced(labels, 12).tolist() == sorted(chosen)
    assert held_out(labels, 6).tolist() == sorted(set(range(18)) - set(chosen))
