"""(seed, epoch) -> the order of samples, and class-balanced subsets that are nested in their size."""

import numpy as np
import torch
from numpy.typing import NDArray

from loaders.errors import DataError
from loaders.streams import stream

Indices = NDArray[np.int64]


def permutation(indices: Indices, seed: int | None, epoch: int, purpose: int = 0) -> Indices:
    """The order of an epoch, literally `default_rng([seed, epoch])`; as they come without a seed.

    For another purpose than 0 it is `default_rng([seed, epoch, purpose])`. Seeds and epochs below 2^32 each
    have orders of their own; a purpose of 0 would be no other stream, since numpy pads with zeros.
    """
    if seed is None:
        return indices
    return np.random.default_rng([seed, epoch, purpose] if purpose else [seed, epoch]).permutation(indices)


def balanced(labels: Indices, count: int, holdout: int = 0) -> Indices:
    """`count` indices, ascending, as equal in number over classes as can be.

    The subset of n lies within that of n + 1; the remainder goes to the lowest labels; a class that
    runs out is made up for by the others in turn. Drawn from a constant stream. DataError where count
    and `holdout`, samples that `held_out` takes, are more than there are.
    """
    if count + holdout > len(labels):
        more = f" beside {holdout} held out" if holdout else ""
        raise DataError(f"{count} samples{more} asked for: the set has {len(labels)}; ask for fewer")
    return np.sort(_in_turn(labels)[:count])


def held_out(labels: Indices, count: int) -> Indices:
    """`count` class-balanced indices, ascending, from the other end: apart from `balanced`."""
    if count > len(labels):
        raise DataError(f"{count} samples to hold out: the set has {len(labels)}; ask for fewer")
    return np.sort(_in_turn(labels)[len(labels) - count :])


def _in_turn(labels: Indices) -> Indices:
    """All indices, one of each class after the other, each class in an order of its own."""
    classes, members = np.unique(labels), np.empty(len(labels), dtype=np.int64)
    turn = np.empty(len(labels), dtype=np.int64)
    for number in classes:
        of_class = np.flatnonzero(labels == number)
        shuffled = torch.randperm(len(of_class), generator=stream("subset", int(number))).numpy()
        members[of_class] = of_class[shuffled]
        turn[of_class] = np.arange(len(of_class))
    # Sorted by turn, then by label: position k of every class before position k + 1 of any.
    return members[np.lexsort((labels, turn))]
