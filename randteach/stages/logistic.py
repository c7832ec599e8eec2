"""Multinomial logistic regression run to convergence: what a linear classifier can read from features."""

from collections.abc import Callable

import torch

from loaders.order import balanced
from randteach.errors import NotConverged
from randteach.specs import Logistic
from randteach.stages.embed import Features

MEMORY = 20  # steps of which L-BFGS knows how they changed the gradient
EVALUATIONS = 20  # at most, on average a step
ROWS = 2048  # samples of one matrix product: few enough to stay in a core's cache
Pause = Callable[[], None]


class Converged(Exception):
    """No gradient is larger than the tolerance: raised where the solver evaluates such weights."""

    def __init__(self, weight_CE: torch.Tensor) -> None:
        self.weight_CE = weight_CE


def logistic(about: Logistic, samples: Features, pause: Pause) -> dict[str, float]:
    """Accuracy in percent, by split, of logistic regression on standardised features of "train".

    Each L2 strength is fitted without a class-balanced share of the training samples, the strongest first.
    The one that classifies most of that share is fitted on all samples; ties go to the stronger. A strength
    whose fit takes all its steps is left out, with all weaker ones. Raises NotConverged if none is left.
    """
    if not all(bool(own.isfinite().all()) for own in samples.of.values()):
        raise NotConverged
    y_N = samples.labels["train"]
    chosen = balanced(y_N.cpu().numpy(), round(about.val_share * len(y_N)))
    is_val_N = torch.zeros(len(y_N), dtype=torch.bool).index_fill(0, torch.from_numpy(chosen), True)
    order_N = is_val_N.to(torch.uint8).argsort(stable=True).to(y_N.device)  # validation samples last
    standard = standardiser(samples.of["train"])
    x_NE, y_N = standard(samples.of["train"][order_N]), y_N[order_N]
    most = len(y_N) - len(chosen)
    part, whole = Regression(x_NE[:most], y_N[:most], samples.classes), Regression(x_NE, y_N, samples.classes)

    weight_CE = x_NE.new_zeros(samples.classes, x_NE.shape[1])
    best, most_hits = None, -1
    for strength in sorted(about.strengths, reverse=True):
        try:
            weight_CE = part.fit(strength, weight_CE, about, pause)
        except NotConverged:
            break  # a weaker one takes more steps still
        hits = int((part.classify(x_NE[most:], weight_CE) == y_N[most:]).sum())
        if hits > most_hits:
            best, most_hits = (strength, weight_CE), hits
    if not best:
        raise NotConverged
    weight_CE = whole.fit(*best, about, pause)
    guesses = {split: whole.classify(standard(own), weight_CE) for split, own in samples.of.items()}
    correct = {split: guess == samples.labels[split] for split, guess in guesses.items() if split != "train"}
    return {split: 100 * int(right.sum()) / len(right) for split, right in correct.items()}


def standardiser(x_ND: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function to standardised features_NE in float64, of which the last is 1, for the bias.

    A feature that is constant in x_ND has no weight: it is 0.
    """
    std_D, mean_D = torch.std_mean(x_ND.double(), dim=0, correction=0)
    varies_D = (x_ND != x_ND[0]).any(0)  # a rounded mean leaves constant features a tiny deviation
    scale_D = torch.where(varies_D & (std_D > 0), 1 / std_D, 0)

    def standard(x_MD: torch.Tensor) -> torch.Tensor:
        x_ME = mean_D.new_ones(len(x_MD), len(mean_D) + 1)
        x_ME[:, :-1] = x_MD
        x_ME[:, :-1] -= mean_D
        x_ME[:, :-1] *= scale_D
        return x_ME

    return standard


class Regression:
    """Mean cross-entropy plus strength/2 |W|^2, the bias free, on samples x_NE with labels y_N.

    Classes without a sample are never predicted: their bias would have no optimum.
    """

    def __init__(self, x_NE: torch.Tensor, y_N: torch.Tensor, classes: int) -> None:
        self.parts = list(zip(x_NE.split(ROWS), y_N.split(ROWS), strict=True))
        self.count = len(y_N)
        present_C = torch.bincount(y_N, minlength=classes) > 0
        self.offset_C1 = torch.where(present_C, 0.0, -torch.inf).to(x_NE.dtype)[:, None]
        self.gram_EE = x_NE.T @ x_NE / self.count
        self.spread = 1 / classes  # about p (1 - p), with which the loss curves along the features

    def classify(self, x_NE: torch.Tensor, weight_CE: torch.Tensor) -> torch.Tensor:
        """The most probable classes."""
        return torch.addmm(self.offset_C1, weight_CE, x_NE.T).argmax(0)

    def fit(self, strength: float, start_CE: torch.Tensor, about: Logistic, pause: Pause) -> torch.Tensor:
        """weight_CE at which no entry of the objective's gradient exceeds the tolerance, by L-BFGS.

        The solver sees weights times a factor of the objective's rough Hessian, by which features that vary
        together cost few steps, and the sum over samples, as it ignores small changes. Raises NotConverged.
        """
        penalty_E = torch.full_like(self.gram_EE[0], strength)
        penalty_E[-1] = 0
        factor_EE = torch.linalg.cholesky(self.spread * self.gram_EE + penalty_E.diag())
        unit_EE = torch.ones_like(penalty_E).diag()
        back_EE = torch.linalg.solve_triangular(factor_EE, unit_EE, upper=False)
        scaled_CE = start_CE @ factor_EE

        def objective() -> float:
            pause()
            weight_CE = scaled_CE @ back_EE
            loss, gradient_CE = self.cross_entropy(weight_CE)
            gradient_CE += penalty_E * weight_CE
            if float(gradient_CE.abs().max()) <= about.tolerance:
                raise Converged(weight_CE)
            scaled_CE.grad = self.count * gradient_CE @ back_EE.T
            return self.count * (loss + 0.5 * float((penalty_E * weight_CE.square()).sum()))

        solver = torch.optim.LBFGS(
            [scaled_CE],
            max_iter=about.iterations,
            max_eval=EVALUATIONS * about.iterations,
            tolerance_grad=0,
            tolerance_change=0,
            history_size=MEMORY,
            line_search_fn="strong_wolfe",
        )
        try:
            solver.step(objective)
        except Converged as found:
            return found.weight_CE
        raise NotConverged

    def cross_entropy(self, weight_CE: torch.Tensor) -> tuple[float, torch.Tensor]:
        """The mean over samples, and its gradient."""
        loss, gradient_CE = weight_CE.new_zeros(()), torch.zeros_like(weight_CE)
        for x_BE, y_B in self.parts:
            log_CB = torch.addmm(self.offset_C1, weight_CE, x_BE.T).log_softmax(0)
            loss -= log_CB.gather(0, y_B[None]).sum()
            error_CB = log_CB.exp_()
            error_CB[y_B, torch.arange(len(y_B), device=y_B.device)] -= 1
            gradient_CE.addmm_(error_CB, x_BE)
        return float(loss) / self.count, gradient_CE / self.count
