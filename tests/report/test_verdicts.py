"""Intervals, equivalence and verdicts against independent computations and made-up differences."""

import math

import numpy as np
import pytest
from scipy import stats

from randteach.report.statistics import equivalence, half_width, interval
from randteach.report.verdicts import CONTRADICTED, NOT_RUN, SEEN, UNDECIDED, Alike, Greater


def differences(seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 9))
    return [float(x) for x in rng.normal(rng.uniform(-3, 3), rng.uniform(0.1, 2), size)]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("level", [0.90, 0.95])
def test_the_interval_is_that_of_a_paired_t_test(seed: int, level: float) -> None:
    values = differences(seed)
    theirs = np.linspace(20, 60, len(values))
    paired = stats.ttest_rel(theirs + values, theirs).confidence_interval(level)
    assert interval(values, level) == pytest.approx((paired.low, paired.high))
    assert half_width(values) == pytest.approx((interval(values)[1] - interval(values)[0]) / 2)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("margin", [1.0, 2.0])
def test_equivalence_is_two_one_sided_tests(seed: int, margin: float) -> None:
    values = differences(seed)
    below = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
    above = stats.ttest_1samp(values, margin, alternative="less").pvalue
    assert equivalence(values, margin) == pytest.approx(max(below, above), abs=1e-12)
    low, high = interval(values, 0.90)
    assert (equivalence(values, margin) < 0.05) == (-margin < low and high < margin)


def test_two_numbers_by_hand() -> None:
    """Differences 1 and 3: mean 2, standard error 1, t(0.975, 1) = 12.7062, t(0.95, 1) = 6.3138."""
    assert interval([1, 3]) == pytest.approx((2 - 12.7062, 2 + 12.7062), abs=1e-4)
    assert interval([1, 3], 0.90) == pytest.approx((2 - 6.3138, 2 + 6.3138), abs=1e-4)
    assert equivalence([1, 3], 2) == pytest.approx(0.5)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_fewer_than_two_have_no_interval(values: list[float]) -> None:
    assert all(math.isnan(end) for end in interval(values)) and math.isnan(equivalence(values, 2))


def test_equal_differences_have_no_width() -> None:
    assert interval([1.5, 1.5, 1.5]) == (1.5, 1.5)
    assert [equivalence([x] * 3, 2) for x in (1.5, -1.5, 2.0, 2.5)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([5.0, 6.0, 7.0], SEEN),
        ([-5.0, -6.0, -7.0], CONTRADICTED),
        ([-1.0, 2.0, 3.0], UNDECIDED),
        ([], NOT_RUN),
        ([50.0], UNDECIDED),
        ([50.0, 50.1], UNDECIDED),
        ([1.0, 1.0, 1.0], SEEN),
        ([0.0, 0.0, 0.0], UNDECIDED),
        ([-1.0, -1.0, -1.0], CONTRADICTED),
    ],
)
def test_greater(values: list[float], verdict: str) -> None:
    assert Greater().verdict(values) == verdict
    assert Greater(2.0).verdict([value + 2 for value in values]) == verdict


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.1, -0.2, 0.3], SEEN),
        ([5.0, 6.0, 7.0], CONTRADICTED),
        ([-5.0, -6.0, -7.0], CONTRADICTED),
        ([1.5, 2.0, 2.5], UNDECIDED),
        ([-4.0, 0.0, 4.0], UNDECIDED),  # no difference is seen, and none beyond the margin is shut out
        ([], NOT_RUN),
        ([0.0, 0.0], UNDECIDED),
        ([0.0, 0.0, 0.0], SEEN),
        ([2.0, 2.0, 2.0], UNDECIDED),
        ([2.5, 2.5, 2.5], CONTRADICTED),
    ],
)
def test_alike(values: list[float], verdict: str) -> None:
    assert Alike(2.0).verdict(values) == verdict


def test_rules_tell_their_levels_and_margins() -> None:
    assert "95 % interval lies wholly above 0." in Greater().told
    assert "above 2 points" in Greater(2.0).told
    assert "90 % interval lies within ±2 points" in Alike(2.0).told
    assert Alike(2.0).beside([0.0, 0.0, 0.0]) == "TOST p < 0.001" and not Alike(2.0).beside([1.0])
