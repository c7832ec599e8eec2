"""Planes: coordinates by hand, networks that are themselves at their own place, and grids that refine.

Of encoders and heads by their outputs, and of encoders alone by their embeddings.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from loaders import open_split
from loaders.order import balanced
from randteach import nets
from randteach.config.schema import Head, Net
from randteach.jobs.downstream.plane import grid
from randteach.specs import Draw, PlaneSpec, ProbeSpec, Samples
from randteach.stages.evaluate import Inputs
from randteach.stages.losses import distillation_loss
from randteach.stages.plane import Geometry, geometry, places, plane
from randteach.stages.probe import probe
from randteach.stages.recorder import Recorder, Result, Row
from randteach.stages.teacher import Frozen, frozen

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
NET, HEAD = Net("resnet18", 4), Head([32], 16, 64)
SAMPLES = Samples("mnist5k", "", 1, 16, 300)
Tensors = dict[str, torch.Tensor]
# In three dimensions: 5 along x; 3 along and 4 up from the first.
POINTS = torch.tensor([[1.0, 1.0, 1.0], [1.0, 6.0, 1.0], [1.0, 4.0, 5.0]], dtype=torch.float64)


class Kept(Recorder):
    def result(self, result: Result) -> None:
        self.rows = result.rows


def drawn(role: str) -> Tensors:
    encoder, head = nets.draw_encoder(NET, 1, 16, role, 0), nets.draw_head(HEAD, 32, role, 0)
    named = {"encoder": encoder.state_dict(), "head": head.state_dict()}
    return {f"{part}.{name}": value for part, own in named.items() for name, value in own.items()}


def inputs(split: str, count: int) -> Inputs:
    about: dict[str, Any] = {"size": 16, "channels": 1, "loader": "memory", "root": Path(), "cache": Path()}
    data = open_split("mnist5k", split, **about)
    assert data.labels is not None
    return Inputs(data, balanced(data.labels, count), CPU)


def spec(count: int = 3, row: float | None = None, **changes: Any) -> PlaneSpec:
    corners = tuple(Draw(role, 0, NET, 1) for role in ("teacher", "one", "two")[:count])
    judged = ProbeSpec(corners[0], SAMPLES, 200, 2, 64, 1e-3, 0.01, 20, 0)
    about: dict[str, Any] = {"coordinates": "oblique", "margin": 0.5, "norm": "interpolated", "columns": ()}
    return PlaneSpec(corners, corners[0], HEAD, 1.0, 1.0, judged, row=row, **about | changes)


def rows(about: PlaneSpec) -> list[Row]:
    teacher = frozen(about.teacher, HEAD, 16, CPU)
    record, train, test = Kept(), inputs("train", 300), inputs("test", 200)
    parts = ("encoder.",) if about.compared == "embedding" else ("encoder.", "head.")
    corners = [
        {name: value for name, value in drawn(corner.role).items() if name.startswith(parts)}
        for corner in about.corners
        if isinstance(corner, Draw)
    ]
    plane(about, corners, teacher, train, test, CPU, record)
    return record.rows


def value(found: list[Row], name: str, x: float, y: float, split: str | None = "test") -> float:
    (own,) = (r[name] for r in found if name in r and (r["x"], r["y"], r.get("split")) == (x, y, split))
    return float(own)


def own_numbers(role: str) -> dict[str, float]:
    """KL and probes of a network, computed the way in which students are trained and probed."""
    teacher = frozen(Draw("teacher", 0, NET, 1), HEAD, 16, CPU)
    network: Frozen = frozen(Draw(role, 0, NET, 1), HEAD, 16, CPU)
    test, train = inputs("test", 200), inputs("train", 300)
    kl = 0.0
    for x_BCHW in test:
        theirs, ours = (n.head.logits(n.features(x_BCHW), n.prototypes_KF) for n in (teacher, network))
        kl += float(distillation_loss(ours.requires_grad_().clone(), theirs)[1])
    record, data = Kept(), {"train": train.data, "test": test.data}
    indices = {"train": balanced(data["train"].labels, 300), "test": balanced(data["test"].labels, 200)}
    indices["val"] = indices["test"][:0]
    probe(spec().probe, network.encoder, data["train"], data["test"], indices, CPU, record)
    return {"kl": kl / 200, **{n: v for n, v in record.rows[0].items() if n != "split"}}


def embedded(*weights: float) -> torch.Tensor:
    """Embeddings of the test images by a weighted sum of the three encoders, as float64."""
    encoder = nets.draw_encoder(NET, 1, 16, "teacher", 0).eval().requires_grad_(False)
    networks = [drawn(role) for role in ("teacher", "one", "two")]
    for name, own in encoder.named_parameters():
        parts = zip(weights, networks, strict=True)
        terms = [w * network[f"encoder.{name}"].double() for w, network in parts]
        own.copy_(terms[0] + terms[1] + terms[2])
    return torch.cat([encoder(x_BCHW) for x_BCHW in inputs("test", 200)]).double()


def direct(ours_ND: torch.Tensor, theirs_ND: torch.Tensor) -> float:
    """The mean of sum p log (p / q), p the teacher's."""
    p, q = theirs_ND.softmax(1), ours_ND.softmax(1)
    return float((p * (p / q).log()).sum(1).mean())


def apart(one: str, other: str) -> float:
    """The distance of two encoders' parameters."""
    networks = (drawn(one), drawn(other))
    names = [f"encoder.{n}" for n, _ in nets.build(NET, 1, 16).named_parameters()]
    parts = (networks[0][name].double() - networks[1][name].double() for name in names)
    return math.sqrt(math.fsum(float(part.square().sum()) for part in parts))


def test_coordinates_of_a_triangle_by_hand() -> None:
    oblique, orthonormal = geometry(POINTS, "oblique"), geometry(POINTS, "orthonormal")
    assert oblique.corners == ((0, 0), (1, 0), (0, 1))
    assert orthonormal.corners == ((0, 0), (5, 0), (3, 4))
    for shape in (oblique, orthonormal):
        found = [shape.weights(x, y) for x, y in shape.corners]
        assert found == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    assert oblique.weights(0.25, 0.5) == (0.25, 0.25, 0.5)
    # (4, 2): half of the second side, and 2.5 of the 5 along the first that are left.
    weights = orthonormal.weights(4.0, 2.0)
    assert weights == pytest.approx((0, 0.5, 0.5))
    there = sum(w * p for w, p in zip(weights, POINTS, strict=True))
    assert isinstance(there, torch.Tensor) and there.tolist() == pytest.approx([1, 5, 3])
    assert oblique.box(0.5) == ((-0.5, 1.5), (-0.5, 1.5))
    assert orthonormal.box(0.5) == ((-2.5, 7.5), (-2, 6))


def test_an_orthonormal_distance_is_one_of_weights() -> None:
    shape = geometry(POINTS, "orthonormal")
    one, two = (
        sum(w * p for w, p in zip(shape.weights(x, y), POINTS, strict=True)) for x, y in ((-1, 3), (2, -1))
    )
    assert isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor)
    assert float((one - two).norm()) == pytest.approx(math.hypot(3, 4))


def test_three_networks_on_one_line_make_no_plane() -> None:
    along = torch.stack((POINTS[0], POINTS[1], 0.3 * POINTS[0] + 0.7 * POINTS[1]))
    for networks in (along, POINTS[[0, 0, 1]], POINTS[[0, 1, 0]], POINTS[[0, 1, 1]]):
        for coordinates in ("oblique", "orthonormal"):
            with pytest.raises(ValueError, match="on one line"):
                geometry(networks, coordinates)
    with pytest.raises(ValueError, match="makes no line"):
        geometry(POINTS[[0, 0]], "oblique")


@pytest.mark.parametrize("coordinates", ["oblique", "orthonormal"])
def test_networks_have_their_own_numbers(coordinates: str) -> None:
    """At their own places, to the last digit: among other points of the grid where axes are oblique."""
    about = spec(coordinates=coordinates)
    found = rows(about)
    teacher, one, two = ((r["x"], r["y"]) for r in found if "norm" in r)
    assert value(found, "kl", *teacher) == value(found, "kl", *teacher, "train") == 0
    for place, role in ((teacher, "teacher"), (one, "one"), (two, "two")):
        own = own_numbers(role)
        assert value(found, "kl", *place) == pytest.approx(own.pop("kl"), rel=1e-6, abs=1e-12)
        assert {name: value(found, name, *place) for name in own} == own
    if coordinates == "oblique":
        grid_rows = rows(spec(row=0.25, columns=(0.25, 0.5, 0.75)))
        for name in ("kl", "linear", "knn"):
            assert value(grid_rows, name, 0, 0) == value(found, name, 0, 0)
            assert value(grid_rows, name, 1, 0) == value(found, name, 1, 0)


def test_a_plane_of_encoders_compares_embeddings() -> None:
    """Against sums in float64; lengths, angles and norms are those of the encoders alone."""
    about = spec(coordinates="orthonormal", compared="embedding", margin=0.0)
    found = rows(about)
    teacher, one, two = ((r["x"], r["y"]) for r in found if "norm" in r)
    assert teacher == (0, 0) and one == (pytest.approx(apart("teacher", "one"), rel=1e-6), 0)
    assert math.hypot(*two) == pytest.approx(apart("teacher", "two"), rel=1e-6)
    assert math.dist(one, two) == pytest.approx(apart("one", "two"), rel=1e-6)
    assert value(found, "kl", *teacher) == value(found, "kl", *teacher, "train") == 0
    theirs = embedded(1, 0, 0)
    for place, weights in ((one, (0, 1, 0)), (two, (0, 0, 1))):
        assert value(found, "kl", *place) == pytest.approx(direct(embedded(*weights), theirs), rel=1e-4)
    for place, role in ((teacher, "teacher"), (one, "one"), (two, "two")):
        own = own_numbers(role)
        assert [value(found, name, *place) for name in ("linear", "knn")] == [own["linear"], own["knn"]]
    # Half of the height up and half of the box along it.
    (left, right), (low, high) = geometry_of(about).box(0.0)
    x, y = (left + right) / 2, (low + high) / 2
    (point,) = (r for r in rows(replace(about, row=0.5, columns=(0.5,))) if r.get("split") == "test")
    assert (point["x"], point["y"]) == (x, y)
    weights = geometry_of(about).weights(x, y)
    assert point["kl"] == pytest.approx(direct(embedded(*weights), theirs), rel=1e-4)


def geometry_of(about: PlaneSpec) -> Geometry:
    """The plane's geometry, of the encoders' parameters."""
    names = [f"encoder.{n}" for n, _ in nets.build(NET, 1, 16).named_parameters()]
    networks = [drawn(corner.role) for corner in about.corners if isinstance(corner, Draw)]
    flat = [torch.cat([network[n].double().flatten() for n in names]) for network in networks]
    return geometry(torch.stack(flat), about.coordinates)


def test_the_norm_is_that_of_the_parameters() -> None:
    model = torch.nn.ModuleDict({"encoder": nets.build(NET, 1, 16), "head": nets.Head(HEAD, 32)})
    named, teacher, one = [n for n, _ in model.named_parameters()], drawn("teacher"), drawn("one")
    flat = [torch.cat([w[n].double().flatten() for n in named]) for w in (teacher, one)]
    found = rows(spec(row=0.25, columns=(0.5,)))
    assert value(found, "norm", 0.5, 0, None) == pytest.approx(
        float((flat[0] + flat[1]).norm() / 2), rel=1e-7
    )


def test_norm_layers_take_their_mode() -> None:
    modes = {
        mode: rows(spec(norm=mode, row=0.25, columns=(0.75,)))
        for mode in ("interpolated", "reestimated", "batch")
    }
    assert len({value(found, "kl", 1, 0) for found in modes.values()}) == 3
    again = rows(spec(norm="reestimated", row=0.25, columns=(0.25, 0.75)))
    assert value(again, "kl", 1, 0) == value(modes["reestimated"], "kl", 1, 0)  # no point sees another's


def test_a_line_is_the_same_code() -> None:
    about = spec(2, row=0.0, columns=(0.0, 0.25, 0.75, 1.0))
    found = rows(about)
    assert [r["x"] for r in found if "norm" in r] == [-0.5, 0, 1, 1.5] and not any("y" in r for r in found)
    (kl,) = (r["kl"] for r in found if r["x"] == 0 and r.get("split") == "test")
    (there,) = (r["kl"] for r in found if r["x"] == 1 and r.get("split") == "test")
    corners = [r["kl"] for r in rows(spec(2)) if r.get("split") == "test"]
    assert [kl, there] == corners and kl == 0


def test_points_lie_in_the_box() -> None:
    shape = geometry(POINTS, "orthonormal")
    about = spec(coordinates="orthonormal", row=0.5, columns=(0.0, 1.0))
    assert places(about, shape) == [(-2.5, 2), (7.5, 2)]
    assert places(spec(coordinates="orthonormal"), shape) == list(shape.corners)
    # Around the teacher as far as twice its 5 to the first student.
    about = spec(coordinates="orthonormal", row=0.75, columns=(0.0, 0.5, 1.0), around="teacher", margin=2.0)
    assert places(about, shape) == [(-10, 5), (0, 5), (10, 5)]
    line = geometry(POINTS[:2], "orthonormal")
    assert places(spec(2, row=0.0, columns=(0.0, 1.0), around="teacher", margin=0.5), line) == [
        (-0.5, 0),
        (0.5, 0),
    ]


@pytest.mark.parametrize(("coarse", "fine"), [(13, 25), (9, 17), (5, 9), (11, 21), (7, 13), (5, 33)])
def test_a_refined_grid_keeps_its_jobs(coarse: int, fine: int) -> None:
    assert set(grid(coarse)) < set(grid(fine))
    assert set(grid(coarse, flat=True)) < set(grid(fine, flat=True))
    for resolution in (coarse, fine):
        points = [(row, column) for row, columns, _ in grid(resolution) for column in columns]
        side = [at / (resolution - 1) for at in range(resolution)]
        assert sorted(points) == [(row, column) for row in side for column in side]


@pytest.mark.parametrize("resolution", [2, 3, 4, 6, 10])
def test_small_and_odd_grids(resolution: int) -> None:
    assert sum(len(columns) for _, columns, _ in grid(resolution)) == resolution**2


def test_a_probe_that_overflows_has_no_number() -> None:
    huge = {
        name: value * 1e30 if value.is_floating_point() else value for name, value in drawn("one").items()
    }
    about, record = spec(2), Kept()
    teacher = frozen(about.teacher, HEAD, 16, CPU)
    plane(about, [drawn("teacher"), huge], teacher, inputs("train", 300), inputs("test", 200), CPU, record)
    last = next(row for row in record.rows if row["x"] == 1 and row.get("split") == "test")
    assert math.isnan(last["linear"]) and math.isnan(last["knn"])
