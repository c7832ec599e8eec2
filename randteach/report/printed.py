"""Numbers that the paper prints: test accuracy in %, of teacher, student and raw pixels."""

from collections.abc import Collection
from dataclasses import dataclass

from loaders import DATASETS

Key = tuple[str, str, str, str]  # distilled on, probed on, network, measure


@dataclass(frozen=True)
class Numbers:
    """Accuracy of teacher, student and raw pixels."""

    teacher: float
    student: float
    input: float


# Tables 1 and 3, distilled and probed on the same set: by the linear probe, and by nearest neighbours.
_OWN = {
    ("cifar10", "resnet18"): (Numbers(35.50, 46.02, 39.02), Numbers(37.65, 44.67, 33.61)),
    ("cifar10", "vgg11"): (Numbers(36.55, 51.98, 39.02), Numbers(44.92, 51.32, 33.61)),
    ("cifar100", "resnet18"): (Numbers(11.58, 21.50, 14.07), Numbers(13.77, 20.22, 14.87)),
    ("cifar100", "vgg11"): (Numbers(12.05, 26.62, 14.07), Numbers(18.10, 23.53, 14.87)),
    ("stl10", "resnet18"): (Numbers(24.24, 40.58, 31.51), Numbers(31.71, 37.41, 28.94)),
    ("stl10", "vgg11"): (Numbers(24.67, 46.20, 31.51), Numbers(36.92, 43.58, 28.94)),
    ("tiny_imagenet", "resnet18"): (Numbers(4.85, 10.40, 3.28), Numbers(4.59, 7.11, 3.44)),
    ("tiny_imagenet", "vgg11"): (Numbers(5.25, 12.88, 3.28), Numbers(5.98, 9.23, 3.44)),
}
# Tables 2 and 4: students that were distilled on TinyImageNet, by the linear probe and by nearest neighbours.
# Teachers and pixels are those of Tables 1 and 3.
_TRANSFERRED = {
    ("cifar10", "resnet18"): (46.06, 44.45),
    ("cifar10", "vgg11"): (52.45, 51.48),
    ("cifar100", "resnet18"): (22.60, 19.48),
    ("cifar100", "vgg11"): (27.49, 23.95),
    ("stl10", "resnet18"): (41.42, 38.86),
    ("stl10", "vgg11"): (45.86, 42.26),
}
# Table 5: teacher and student on CIFAR-10, by the linear probe. Its vision transformers stand beside those
# that the authors ran.
_ARCHITECTURES = {
    "vgg11": (36.55, 51.98),
    "vgg13": (34.73, 49.26),
    "vgg16": (33.08, 46.35),
    "vgg19": (30.84, 43.90),
    "resnet20": (28.68, 36.62),
    "resnet56": (14.05, 27.92),
    "resnet18": (35.50, 46.02),
    "resnet34": (28.18, 41.04),
    "resnet50": (19.69, 27.53),
    "vit_tiny_16_as_run": (32.93, 35.76),
    "vit_small_16_as_run": (38.57, 41.68),
    "vit_medium_16_as_run": (41.09, 43.13),
    "vit_base_16_as_run": (41.71, 44.38),
}
_MEASURES = ("linear", "knn")

OWN: dict[Key, Numbers] = {
    (data, data, arch, measure): own
    for (data, arch), both in _OWN.items()
    for measure, own in zip(_MEASURES, both, strict=True)
}
TRANSFERRED: dict[Key, Numbers] = {
    ("tiny_imagenet", target, arch, measure): Numbers(own.teacher, student, own.input)
    for (target, arch), students in _TRANSFERRED.items()
    for measure, student, own in zip(_MEASURES, students, _OWN[target, arch], strict=True)
}
ARCHITECTURES: dict[Key, Numbers] = {
    ("cifar10", "cifar10", arch, "linear"): Numbers(teacher, student, 39.02)
    for arch, (teacher, student) in _ARCHITECTURES.items()
}
NUMBERS = OWN | TRANSFERRED | ARCHITECTURES


def listed(table: dict[Key, Numbers], measure: str) -> str:
    """All numbers of a measure: "CIFAR-10, resnet18: 35.50 → 46.02; ..."; empty where there is none."""
    return "; ".join(
        f"{_titled(source, target)}, {arch}: {theirs.teacher:.2f} → {theirs.student:.2f}"
        for (source, target, arch, own), theirs in table.items()
        if own == measure
    )


def told(table: dict[Key, Numbers], measures: Collection[str]) -> dict[str, str]:
    """What the paper says of each measure that it has numbers of."""
    return {measure: f"teacher → student {text}" for measure in measures if (text := listed(table, measure))}


def _titled(source: str, target: str) -> str:
    title = DATASETS[target].title
    return title if source == target else f"{title} (from {DATASETS[source].title})"
