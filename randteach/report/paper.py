"""The paper's numbers (test accuracy in %), to stand beside ours where the setting is the paper's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WIDTH, ALPHA_MOST = 64, 1e-6


@dataclass(frozen=True)
class Numbers:
    """Accuracy of teacher, student and raw pixels."""

    teacher: float
    student: float
    input: float


# Tables 1 and 3: distilled and probed on the same set, at the full width, from alpha = 0.
NUMBERS = {
    ("cifar10", "resnet18", "linear"): Numbers(35.50, 46.02, 39.02),
    ("cifar10", "vgg11", "linear"): Numbers(36.55, 51.98, 39.02),
    ("cifar100", "resnet18", "linear"): Numbers(11.58, 21.50, 14.07),
    ("cifar100", "vgg11", "linear"): Numbers(12.05, 26.62, 14.07),
    ("cifar10", "resnet18", "knn"): Numbers(37.65, 44.67, 33.61),
    ("cifar10", "vgg11", "knn"): Numbers(44.92, 51.32, 33.61),
    ("cifar100", "resnet18", "knn"): Numbers(13.77, 20.22, 14.87),
    ("cifar100", "vgg11", "knn"): Numbers(18.10, 23.53, 14.87),
}


def beside(row: Mapping[str, Any]) -> Numbers | None:
    """The paper's numbers for a row of the summary, or None where it has none for that setting."""
    if row["dataset"] != row["probed_on"] or row["width"] != WIDTH or row["alpha"] > ALPHA_MOST:
        return None
    return NUMBERS.get((row["dataset"], row["arch"], row["measure"]))
