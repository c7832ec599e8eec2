"""kNN against its definition written out, above all where distances tie or nearly do."""

import numpy as np
import pytest
import torch

from randteach.stages import neighbours as stage
from randteach.stages.neighbours import knn, nearest, neighbours


def test_knn_by_hand() -> None:
    train = torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    labels = torch.tensor([0, 0, 1, 1, 1, 0])
    test = torch.tensor([[0.4], [11.5], [1.6]])
    # neighbours: {0, 1, 2} -> 0, 0, 1; {4, 5, 3} -> 1, 0, 1; {2, 1, 0} -> 1, 0, 0
    assert knn(train, labels, test, k=3, classes=2).tolist() == [0, 1, 0]


def test_knn_tie_in_votes_goes_to_the_smallest_label() -> None:
    train, labels = torch.tensor([[0.0], [1.0], [2.0], [3.0]]), torch.tensor([2, 1, 2, 1])
    assert knn(train, labels, torch.tensor([[1.5]]), k=4, classes=3).tolist() == [1]


def test_knn_tie_in_distance_goes_to_the_lower_index() -> None:
    # All four lie at distance 1; of k = 3 the first three count, two of them of class 1.
    train = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    labels = torch.tensor([1, 0, 1, 0])
    assert knn(train, labels, torch.zeros(1, 2), k=3, classes=2).tolist() == [1]
    assert knn(train, labels.flip(0), torch.zeros(1, 2), k=3, classes=2).tolist() == [0]


@pytest.mark.parametrize("k", [1, 7, 20])
def test_nearest_equals_a_stable_sort(k: int) -> None:
    generator = torch.Generator().manual_seed(k)
    distance = torch.randint(0, 15, (200, 60), generator=generator).double()
    expected = distance.argsort(dim=1, stable=True)[:, :k]
    assert torch.equal(nearest(distance, k).sort(dim=1).values, expected.sort(dim=1).values)


def by_definition(train: torch.Tensor, test: torch.Tensor, k: int) -> np.ndarray:
    """Sums of (x_i - y_i)^2 in float64, one after the other; the lower index first among equals."""
    x_MD, y_ND = test.double().numpy(), train.double().numpy()
    distance_MN = np.zeros((len(x_MD), len(y_ND)))
    for i in range(x_MD.shape[1]):
        gap_MN = x_MD[:, i, None] - y_ND[None, :, i]
        distance_MN += gap_MN * gap_MN
    return np.argsort(distance_MN, axis=1, kind="stable")[:, :k]


def cases() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Training and test features."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    one, train, test = normal(1, 64), normal(300, 64), normal(50, 64)
    constant = torch.cat((one[:, :60].expand(300, 60), train[:, :4]), 1)
    far = train.clone()
    far[7] *= 1e6
    return {
        "plain": (train, test),
        "equal rows": (one.expand(37, 64), test),
        "all equal": (one.expand(37, 64), one.expand(50, 64)),
        "groups of equal rows": (normal(10, 64).repeat(30, 1), test),
        "test rows among them": (train.repeat(3, 1), train[:50]),
        "constant features": (constant, torch.cat((one[:, :60].expand(50, 60), test[:, :4]), 1)),
        "constant, and not the test's": (constant, test),
        "a large common mean": (train + 1e4, test + 1e4),
        "a common mean that leaves four bits": (train + 1e6, test + 1e6),
        "tiny": (train * 1e-8, test * 1e-8),
        "huge": (train * 1e8, test * 1e8),
        "beyond float32 when squared": (train * 1e30, test * 1e30),
        "next to collapsed": (one + 1e-7 * train, one + 1e-7 * test),
        "a lattice": ((2 * train).round(), (2 * test).round()),
        "bits": (train.sign()[:, :6], test.sign()[:, :6]),
        "zero": (torch.zeros(37, 64), torch.zeros(50, 64)),
        "one far away": (far, test),
        "a test row far away": (train, torch.cat((test, 1e9 * test[:1]))),
        "one feature": (train[:, :1], test[:, :1]),
    }


@pytest.mark.parametrize("name", cases())
def test_neighbours_are_those_of_the_definition(name: str) -> None:
    train, test = cases()[name]
    for k in (1, 5, 20, len(train)):
        found = neighbours(train, test, k).sort(1).values.numpy()
        assert np.array_equal(found, np.sort(by_definition(train, test, k), axis=1)), k


def test_equal_rows_tie_whatever_their_number() -> None:
    """A product rounds its edge columns differently, so that the nearest of equal rows was any of them."""
    generator = torch.Generator().manual_seed(0)
    for count in (2, 3, 5, 8, 13, 21, 37, 64, 101):
        train, test = torch.randn(1, 64, generator=generator), torch.randn(50, 64, generator=generator)
        assert not knn(train.repeat(count, 1), torch.arange(count), test, 1, count).any()


def test_rows_at_a_time_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = cases()["a lattice"]
    whole = neighbours(train, test, 7).sort(1).values
    monkeypatch.setattr(stage, "CELLS", 1000)
    assert torch.equal(neighbours(train, test, 7).sort(1).values, whole)


def test_what_is_no_number_breaks_nothing() -> None:
    """Probes are not asked about such features; if they were, a guess is made of those that are."""
    train, test = cases()["plain"]
    test, train = test.clone(), train.clone()
    test[3], train[5, 2] = torch.nan, torch.inf
    assert neighbours(train, test, 5).shape == (50, 5)
