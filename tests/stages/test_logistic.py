"""The converged probe beside scikit-learn's, and on features on which a solver may fail."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from loaders.order import balanced
from randteach.errors import NotConverged
from randteach.specs import Logistic
from randteach.stages import logistic as stage
from randteach.stages.embed import Features
from randteach.stages.logistic import Regression, logistic, standardiser

ABOUT = Logistic()
Samples = tuple[torch.Tensor, torch.Tensor]
pytestmark = pytest.mark.usefixtures("one_thread")


def samples(count: int = 600, dim: int = 12, classes: int = 4, seed: int = 0) -> Samples:
    """Overlapping classes; features of different scales that vary together, one of them constant."""
    generator = torch.Generator().manual_seed(seed)
    y_N = torch.randint(0, classes, (count,), generator=generator)
    means_CD = torch.randn(classes, dim, generator=torch.Generator().manual_seed(99))
    mixed_DD = torch.randn(dim, dim, generator=torch.Generator().manual_seed(98)) + 2
    x_ND = (0.8 * means_CD[y_N] + torch.randn(count, dim, generator=generator)) @ mixed_DD
    x_ND[:, 3] = 0.1
    return x_ND, y_N


def standardised(x_ND: torch.Tensor, of_ND: torch.Tensor) -> np.ndarray:
    """The definition, in numpy."""
    x, of = x_ND.double().numpy(), of_ND.double().numpy()
    std = of.std(0)
    std[(of == of[0]).all(0)] = 1
    return (x - of.mean(0)) / std


def reference(x: np.ndarray, y: torch.Tensor, strength: float) -> LogisticRegression:
    """scikit-learn's optimum of the same objective."""
    model = LogisticRegression(C=1 / (strength * len(y)), solver="newton-cholesky", tol=1e-10)
    return model.fit(x, y.numpy())


def no_pause() -> None:
    """Nobody asks for an end."""


def taken(train: Samples, test: Samples | None = None, classes: int = 4, about: Logistic = ABOUT) -> float:
    """The measure's accuracy on the test samples, the training samples where there are none."""
    (x_ND, y_N), (x_MD, y_M) = train, test or train
    features = Features({"train": x_ND, "test": x_MD}, {"train": y_N, "test": y_M}, classes)
    return logistic(about, features, no_pause)["test"]


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """Samples and strength of each fit."""
    found: list[tuple[int, float]] = []
    fit = Regression.fit

    def seen(self: Regression, strength: float, *args: Any) -> torch.Tensor:
        found.append((self.count, strength))
        return fit(self, strength, *args)

    monkeypatch.setattr(Regression, "fit", seen)
    return found


@pytest.mark.parametrize("strength", ABOUT.strengths[:5])
def test_coefficients_are_scikit_learns(strength: float) -> None:
    x_ND, y_N = samples()
    x_NE = standardiser(x_ND)(x_ND)
    ours = Regression(x_NE, y_N, 4)
    weight_CE = ours.fit(strength, x_NE.new_zeros(4, x_NE.shape[1]), ABOUT, no_pause)
    theirs = reference(standardised(x_ND, x_ND), y_N, strength)
    np.testing.assert_allclose(weight_CE[:, :-1], theirs.coef_, atol=1e-6 / strength)
    bias_C = weight_CE[:, -1] - weight_CE[:, -1].mean()
    np.testing.assert_allclose(
        bias_C, theirs.intercept_ - theirs.intercept_.mean(), atol=1e-5 / strength**0.5
    )
    assert (ours.classify(x_NE, weight_CE).numpy() == theirs.predict(standardised(x_ND, x_ND))).all()


@pytest.mark.parametrize("strength", ABOUT.strengths)
def test_a_fit_has_converged_by_autograd(strength: float) -> None:
    x_ND, y_N = samples()
    x_NE = standardiser(x_ND)(x_ND)
    weight_CE = Regression(x_NE, y_N, 4).fit(strength, x_NE.new_zeros(4, 13), ABOUT, no_pause)
    weight_CE.requires_grad_()
    loss = F.cross_entropy(x_NE @ weight_CE.T, y_N) + strength / 2 * weight_CE[:, :-1].square().sum()
    [gradient_CE] = torch.autograd.grad(loss, weight_CE)
    assert 0 < gradient_CE.abs().max() <= 1e-6 * (1 + 1e-6)


@pytest.mark.parametrize(("count", "seed"), [(60, 1), (100, 2), (600, 3)])
def test_accuracy_and_chosen_strength_are_those_of_scikit_learn(
    count: int, seed: int, fits: list[tuple[int, float]]
) -> None:
    train, test = samples(count, seed=seed), samples(500, seed=seed + 10)
    x, y = standardised(train[0], train[0]), train[1]
    chosen = balanced(y.numpy(), count // 10)
    rest = np.setdiff1d(np.arange(count), chosen)
    hits = [
        (reference(x[rest], y[rest], strength).predict(x[chosen]) == y[chosen].numpy()).sum()
        for strength in ABOUT.strengths
    ]
    best = ABOUT.strengths[int(np.argmax(hits))]  # the first of equals is the strongest
    right = reference(x, y, best).predict(standardised(test[0], train[0])) == test[1].numpy()
    assert taken(train, test) == pytest.approx(100 * right.mean(), abs=1e-9)
    assert fits == [*((len(rest), strength) for strength in ABOUT.strengths), (count, best)]


def test_validation_samples_are_a_tenth_of_each_class() -> None:
    y_N = samples(600)[1]
    counts = torch.bincount(y_N[balanced(y_N.numpy(), 60)], minlength=4)
    assert counts.tolist() == [15, 15, 15, 15]


def test_a_tie_goes_to_the_stronger(fits: list[tuple[int, float]]) -> None:
    x_ND, y_N = samples()
    taken((torch.zeros_like(x_ND), y_N))  # all strengths say the same of features without a difference
    assert fits[-1] == (600, 1.0)
    taken((10.0 * F.one_hot(y_N).float(), y_N))  # and of features that say all
    assert fits[-1] == (600, 1.0)


def test_a_further_split_and_equal_bits() -> None:
    (x_ND, y_N), (x_MD, y_M) = samples(), samples(90, seed=5)
    of, labels = {"train": x_ND, "test": x_MD, "val": x_MD[:30]}, {"train": y_N, "test": y_M, "val": y_M[:30]}
    found = [logistic(ABOUT, Features(of, labels, 4), no_pause) for _ in range(2)]
    assert found[0] == found[1] and set(found[0]) == {"test", "val"}
    x_NE = standardiser(x_ND)(x_ND)
    start = x_NE.new_zeros(4, 13)
    one, other = (Regression(x_NE, y_N, 4).fit(1e-4, start, ABOUT, no_pause) for _ in range(2))
    assert torch.equal(one, other) and not start.any()


def test_the_scale_of_features_does_not_count_nor_what_was_constant() -> None:
    (x_ND, y_N), (x_MD, y_M) = samples(100), samples(200, seed=1)
    few = Logistic(strengths=(0.1, 1e-3))
    expected = taken((x_ND, y_N), (x_MD, y_M), about=few)
    for scale in (1e-38, 1e-8, 1e8, 1e30):
        found = taken((x_ND * scale, y_N), (x_MD * scale, y_M), about=few)
        assert found == pytest.approx(expected, abs=0.5)
    x_MD[:, 3] = 1e30
    assert taken((x_ND, y_N), (x_MD, y_M), about=few) == expected
    standard_NE = standardiser(x_ND)(x_ND)
    assert not standard_NE[:, 3].any() and (standard_NE[:, -1] == 1).all()


def test_features_without_a_difference_give_the_commonest_class() -> None:
    x_ND, y_N = torch.full((100, 5), 0.1), (torch.arange(100) % 3).clamp(max=1)  # 34 of class 0, 66 of 1
    assert taken((x_ND, y_N)) == 66.0


def test_separable_features_are_classified_and_their_weights_finite() -> None:
    y_N = torch.arange(300) % 4
    x_ND = 5 * F.one_hot(y_N).float() + 0.01 * samples(300)[0][:, :4]
    x_NE = standardiser(x_ND)(x_ND)
    for strength in (1.0, 1e-6):
        weight_CE = Regression(x_NE, y_N, 4).fit(strength, x_NE.new_zeros(4, 5), ABOUT, no_pause)
        assert weight_CE.isfinite().all() and weight_CE.abs().max() < 100
    assert taken((x_ND, y_N)) == 100.0


def test_a_class_without_samples_is_never_predicted() -> None:
    x_ND, y_N = samples(400)
    kept = y_N != 2
    theirs = reference(standardised(x_ND[kept], x_ND[kept]), y_N[kept], 1e-2)
    x_NE = standardiser(x_ND[kept])(x_ND[kept])
    ours = Regression(x_NE, y_N[kept], 6)
    weight_CE = ours.fit(1e-2, x_NE.new_zeros(6, 13), ABOUT, no_pause)
    np.testing.assert_allclose(weight_CE[[0, 1, 3], :-1], theirs.coef_, atol=1e-4)
    assert not weight_CE[[2, 4, 5]].any()
    x_ME = standardiser(x_ND[kept])(1e6 * x_ND)
    assert set(ours.classify(x_ME, weight_CE).tolist()) <= {0, 1, 3}


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6, 9])
def test_few_samples_and_one_class_alone(count: int) -> None:
    x_ND, _ = samples(count, dim=40)
    assert taken((x_ND, torch.full((count,), 3))) == 100.0
    assert 0 < taken((x_ND, torch.arange(count) % 4)) <= 100  # fewer samples than features


def test_a_rare_class_is_no_trouble() -> None:
    x_ND, y_N = samples(100, classes=3)
    y_N[0] = 3  # its only sample is a validation sample
    assert 0 < taken((x_ND, y_N)) <= 100


@pytest.mark.parametrize("wild", [True, False])
def test_features_that_hardly_vary_or_vary_wildly(wild: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    z_ND = torch.randn(300, 10, generator=generator)
    wild_ND = z_ND / torch.randn(300, 10, generator=generator).abs() ** 3
    x_ND = wild_ND if wild else 0.1 + 1e-8 * z_ND
    assert 0 < taken((x_ND, torch.arange(300) % 4)) <= 100


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_not_finite_have_no_accuracy(split: str, value: float) -> None:
    train, test = samples(50), samples(50, seed=1)
    {"train": train, "test": test}[split][0][7, 2] = value
    with pytest.raises(NotConverged):
        taken(train, test)


def test_a_fit_that_takes_all_its_steps_has_no_accuracy() -> None:
    with pytest.raises(NotConverged):
        taken(samples(), about=Logistic(iterations=3))


def test_strengths_too_weak_to_converge_are_out(fits: list[tuple[int, float]]) -> None:
    train, test = samples(), samples(400, seed=1)
    accuracy = taken(train, test, about=Logistic(iterations=25))
    tried = [strength for count, strength in fits if count < 600]
    assert tried == list(ABOUT.strengths[: len(tried)]) and 2 < len(tried) < len(ABOUT.strengths)
    left = Logistic(strengths=tuple(tried[:-1]))  # the last one took all its steps
    assert accuracy == taken(train, test, about=left) and fits[-1][1] in left.strengths


def test_samples_are_summed_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    x_ND, y_N = samples(100)
    x_NE, weight_CE = standardiser(x_ND)(x_ND), torch.randn(4, 13, dtype=torch.float64)
    whole = Regression(x_NE, y_N, 4).cross_entropy(weight_CE)
    monkeypatch.setattr(stage, "ROWS", 7)
    parts = Regression(x_NE, y_N, 4).cross_entropy(weight_CE)
    assert parts[0] == pytest.approx(whole[0], rel=1e-12)
    torch.testing.assert_close(parts[1], whole[1], rtol=1e-10, atol=1e-12)
