"""Lines between children: barriers by hand, ends that are the children themselves, norm layers anew."""

import math
from typing import Any

import pytest
import torch

from loaders.order import balanced
from randteach import nets
from randteach.nets.classified import Classified
from randteach.specs import ConnectSpec, Samples, Snapshot
from randteach.stages.connect import barrier, barriers, connect
from randteach.stages.embed import to_device
from randteach.stages.evaluate import Inputs, errors
from randteach.stages.recorder import Recorder, Result, Row
from tests.stages.test_train import CPU, NET, opened, run, spec

pytestmark = pytest.mark.usefixtures("one_thread")
END = 12
Tensors = dict[str, torch.Tensor]


class Kept(Recorder):
    def result(self, result: Result) -> None:
        self.rows = result.rows


@pytest.fixture(scope="module")
def children() -> tuple[list[Tensors], list[Row]]:
    """Two trainings that differ in order alone, and their own test rows."""
    found = [run(spec(seed_order=order), END).results[END] for order in (0, 1)]
    weights = [
        {f"{part}.{name}": value for part, own in child.weights.items() for name, value in own.items()}
        for child in found
    ]
    return weights, [child.rows[-1] for child in found]


def samples() -> tuple[Inputs, Inputs]:
    data, indices, test = opened()
    return Inputs(data, indices, CPU), test


def line(ends: list[Tensors], points: int, train: Inputs | None = None) -> list[Row]:
    one, other = (Snapshot(key, END, NET, 1, "train") for key in "ab")
    about, record = ConnectSpec((one, other), Samples("mnist5k", "", 1, 16, 200), 100, points), Kept()
    learnt, test = samples()
    connect(about, (ends[0], ends[1]), train or learnt, test, CPU, record)
    return record.rows


def at(rows: list[Row], **place: Any) -> Row:
    (found,) = (row for row in rows if place.items() <= row.items())
    return found


def test_barrier_of_a_quadratic() -> None:
    """9 - 4 (gamma - 1/2)^2 x 5 ends at 4 twice and is 5 above them in the middle."""
    gammas = [point / 8 for point in range(9)]
    assert barrier(gammas, [9 - 20 * (g - 0.5) ** 2 for g in gammas]) == 5
    # From 1 (gamma 0) to 3 (gamma 1): 1 + 2 gamma + 8 gamma (1 - gamma) is 2 above the straight line.
    assert barrier(gammas, [1 + 2 * g + 8 * g * (1 - g) for g in gammas]) == 2
    # A quadratic with its minimum between the ends has no barrier.
    assert barrier(gammas, [(g - 0.3) ** 2 for g in gammas]) == 0
    rows = [
        {"gamma": g, "bn": "none", "split": "test", "error": 4 * g * (1 - g), "loss": 0.0} for g in gammas
    ]
    assert barriers(rows) == [{"bn": "none", "split": "test", "barrier_error": 1, "barrier_loss": 0}]


def test_the_ends_are_the_children_exactly(children: tuple[list[Tensors], list[Row]]) -> None:
    weights, own = children
    rows = line(weights, 3)
    for gamma, row in ((1.0, own[0]), (0.0, own[1])):
        found = at(rows, gamma=gamma, bn="interpolated", split="test")
        assert (found["error"], found["loss"]) == (row["error"], row["loss"])
    assert own[0]["error"] != own[1]["error"] or own[0]["loss"] != own[1]["loss"]


def test_the_middle_is_the_mean_with_statistics_of_the_training_set(
    children: tuple[list[Tensors], list[Row]],
) -> None:
    """By hand: weights averaged in float64; each layer's mean and variance over all 600 samples' inputs."""
    weights, _ = children
    data, _, test = opened()
    train = Inputs(data, balanced(data.labels, 600), CPU)  # in batches of 256, 256 and 88
    middle = {
        n: ((weights[0][n].double() + weights[1][n].double()) / 2).to(v.dtype) for n, v in weights[0].items()
    }
    model = Classified(nets.build(NET, 1, 16), torch.nn.Linear(32, 10))
    model.load_state_dict(middle)
    to_device(model, CPU).eval()
    rows = line(weights, 3, train)
    raw = at(rows, gamma=0.5, bn="interpolated", split="test")
    assert (raw["error"], raw["loss"]) == errors(model, test)
    seen: dict[torch.nn.Module, list[torch.Tensor]] = {}

    def look(layer: torch.nn.Module, args: tuple[torch.Tensor]) -> None:
        seen.setdefault(layer, []).append(args[0].double().transpose(0, 1).flatten(1).clone())

    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(look) for norm in norms]
    with torch.no_grad():
        model.train()
        for batch in train:
            model(batch)
    for norm, hook in zip(norms, hooks, strict=True):
        hook.remove()
        x_CN = torch.cat(seen[norm], dim=1)
        norm.running_mean, norm.running_var = x_CN.mean(1).float(), x_CN.var(1).float()
    again = at(rows, gamma=0.5, bn="reestimated", split="test")
    error, loss = errors(model.eval(), test)
    assert again["error"] == error and again["loss"] == pytest.approx(loss, rel=1e-5)
    assert abs(again["loss"] - raw["loss"]) > 1e-3


def test_distance_and_cosine_are_of_all_parameters(children: tuple[list[Tensors], list[Row]]) -> None:
    weights, _ = children
    named = [n for n, _ in Classified(nets.build(NET, 1, 16), torch.nn.Linear(32, 10)).named_parameters()]
    one, other = (torch.cat([w[name].double().flatten() for name in named]) for w in weights)
    row = line(weights, 2)[-1]
    assert row["distance"] == pytest.approx(float((one - other).square().sum().sqrt()), rel=1e-12)
    assert row["cosine"] == pytest.approx(float(one @ other / one.norm() / other.norm()), rel=1e-12)


def test_a_line_that_overflows_has_no_barrier_to_tell(children: tuple[list[Tensors], list[Row]]) -> None:
    broken = {n: v * torch.nan if v.is_floating_point() else v for n, v in children[0][0].items()}
    rows = line([broken, children[0][1]], 3)
    assert math.isnan(at(rows, gamma=1.0, bn="interpolated", split="test")["error"])
    found = [row["barrier_error"] for row in rows if "barrier_error" in row]
    assert len(found) == 4 and all(map(math.isnan, found))


def test_a_line_to_itself_has_no_barrier_and_each_point_each_split(
    children: tuple[list[Tensors], list[Row]],
) -> None:
    rows = line([children[0][0]] * 2, 5)
    assert len([row for row in rows if "gamma" in row]) == 5 * 2 * 2
    assert {row["gamma"] for row in rows if "gamma" in row} == {0, 0.25, 0.5, 0.75, 1}
    assert rows[-1] == {"distance": 0, "cosine": pytest.approx(1)}
    heights = [row["barrier_error"] for row in rows if "barrier_error" in row]
    assert heights == [0] * 4
