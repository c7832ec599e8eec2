"""Losses on the plane through three networks, or the line through two (paper, Figures 5, 13 to 16)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from randteach import nets
from randteach.specs import PlaneSpec
from randteach.stages.embed import norms, reestimate, to_device
from randteach.stages.evaluate import Inputs
from randteach.stages.losses import divergence
from randteach.stages.probe import accuracies
from randteach.stages.recorder import Recorder, Result, Row, Tensors
from randteach.stages.teacher import Frozen

FLAT = 1e-6  # the height of three networks' triangle, as a share of its base, below which it is none
UNITS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))


def plane(
    spec: PlaneSpec,
    corners: Sequence[Tensors],
    teacher: Frozen,
    train: Inputs,
    test: Inputs,
    device: torch.device,
    record: Recorder,
) -> None:
    """At each point: KL(teacher || point) in nats on both splits, its probes, and its weights' L2 norm.

    KL is that of the outputs by their temperatures, or of the embeddings, softmax being taken of either.
    `corners` hold `encoder.`, and `head.` where outputs are compared. Raises ValueError where three of them
    lie on one line.
    """
    net, size = spec.corners[0].net, spec.probe.samples.size
    encoder = nets.build(net, spec.corners[0].channels, size)
    head = nets.Head(spec.head, nets.embedding_dim(net, size)) if spec.compared == "outputs" else None
    parts = {"encoder": encoder} | ({"head": head} if head else {})
    model = to_device(nn.ModuleDict(parts), device).requires_grad_(False)
    blend = nets.Blend(model, corners)
    shape = geometry(blend.parameters_KP, spec.coordinates)
    splits = {"train": train, "test": test}
    answer = teacher.features if head else teacher.encoder
    told = {name: [answer(x_BCHW) for x_BCHW in samples] for name, samples in splits.items()}
    rows: list[Row] = []
    for x, y in places(spec, shape):
        record.pause()
        blend.set(shape.weights(x, y))
        if spec.norm == "reestimated" and norms(encoder):
            reestimate(encoder, train)
        model.train(spec.norm == "batch")
        norm = {"norm": blend.norm()}
        place = {"x": x, "bn": spec.norm} | ({"y": y} if len(corners) == 3 else {})
        rows += [place | row for row in _point(spec, encoder, head, teacher, told, splits, record)]
        rows.append(place | norm)
        record.row(rows[-2] | norm)
    record.result(Result(rows))


@torch.no_grad()
def _point(
    spec: PlaneSpec,
    encoder: nn.Module,
    head: nets.Head | None,
    teacher: Frozen,
    told: dict[str, list[torch.Tensor]],
    splits: dict[str, Inputs],
    record: Recorder,
) -> list[Row]:
    """Rows of "train" and "test", whose embeddings are made once for KL and probes."""
    features, kl = {}, {}
    prototypes_KF = head.prototypes() if head else None
    for split, samples in splits.items():
        parts, total = [], torch.zeros((), dtype=torch.float64, device=samples.device)
        for x_BCHW, theirs in zip(samples, told[split], strict=True):
            parts.append(ours := encoder(x_BCHW))
            if head:
                ours = head.logits(head.features(ours), prototypes_KF) / spec.student_temperature
                theirs = teacher.head.logits(theirs, teacher.prototypes_KF) / spec.teacher_temperature
            total += divergence(ours, theirs)
        features[split], kl[split] = torch.cat(parts), float(total) / len(samples)
    probed: Row = {"split": "test", "linear": math.nan, "linear_std": math.nan, "knn": math.nan}
    if all(bool(own.isfinite().all()) for own in features.values()):
        labels = {split: samples.labels_N for split, samples in splits.items()}
        with torch.enable_grad():
            probed = accuracies(spec.probe, features, labels, splits["train"].classes, record)[0]
    return [{"split": "train", "kl": kl["train"]}, probed | {"kl": kl["test"]}]


@dataclass(frozen=True)
class Geometry:
    """Coordinates of a plane: those of its networks, and how a point is a weighted sum of them."""

    corners: tuple[tuple[float, float], ...]
    orthonormal: bool

    def weights(self, x: float, y: float) -> tuple[float, ...]:
        """Weights of the networks at a point; their sum is 1."""
        if self.orthonormal:
            (_, (base, _), (along, height)) = self.corners
            b = y / height
            a = (x - b * along) / base
        else:
            a, b = x, y
        return (1 - a - b, a, b)[: len(self.corners)]

    def box(self, margin: float, around: str = "networks") -> tuple[tuple[float, float], ...]:
        """(lowest, highest) of each coordinate: the networks, or the teacher, with room around them."""
        if around == "teacher":
            reach = margin * self.corners[1][0]
            return (-reach, reach), (-reach, reach)
        axes = list(zip(*self.corners, strict=True))
        sides = [(min(axis), max(axis)) for axis in axes]
        return tuple((low - margin * (high - low), high + margin * (high - low)) for low, high in sides)


def geometry(networks_KP: torch.Tensor, coordinates: str) -> Geometry:
    """The plane of three networks, or the line of two, whose coordinate goes from 0 to 1.

    `oblique`: at (0, 0), (1, 0) and (0, 1). `orthonormal`: the first at the origin, the second on the
    x-axis, distances as in the space of weights. Raises ValueError where they lie on one line.
    """
    first, *others = networks_KP
    sides = [other - first for other in others]
    base = float(sides[0].norm())
    if len(sides) == 1:
        if not base:
            raise ValueError("plane.alphas: teacher and student are the same network, which makes no line")
        return Geometry(UNITS[:2], orthonormal=False)
    along = float(sides[1] @ sides[0]) / base if base else 0.0
    height = float((sides[1] - sides[0] * (along / base)).norm()) if base else 0.0
    if height <= FLAT * max(base, abs(along)):
        raise ValueError("plane.alphas: the three networks lie on one line, which makes no plane")
    if coordinates == "oblique":
        return Geometry(UNITS, orthonormal=False)
    return Geometry(((0.0, 0.0), (base, 0.0), (along, height)), orthonormal=True)


def places(spec: PlaneSpec, shape: Geometry) -> list[tuple[float, float]]:
    """Coordinates of the points that a job evaluates: some of a row, or the networks themselves."""
    if spec.row is None:
        return list(shape.corners)
    (left, right), *rest = shape.box(spec.margin, spec.around)
    low, high = rest[0] if len(shape.corners) == 3 else (0.0, 0.0)
    y = low + (high - low) * spec.row
    return [(left + (right - left) * column, y) for column in spec.columns]
