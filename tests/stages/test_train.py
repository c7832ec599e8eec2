"""Supervised training: masks, rewinding, the schedule and going on, against runs and updates by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from loaders import open_split
from loaders.order import balanced
from randteach import nets
from randteach.config.downstream import Train
from randteach.config.schema import Net
from randteach.errors import Stopped
from randteach.nets.classified import Classified
from randteach.nets.pruning import Masks, prunable
from randteach.specs import Draw, Samples, Snapshot, TrainSpec
from randteach.stages.embed import prepare
from randteach.stages.evaluate import Inputs, errors
from randteach.stages.recorder import Recorder, Result, State, Tensors
from randteach.stages.train import train

CPU = torch.device("cpu")
NET = Net("resnet18", 4)
SETTINGS = Train(epochs=3, batch_size=64, lr=0.05, milestones=[2], padding=2)
SAMPLES = Samples("mnist5k", "", 1, 16, 200)
STEPS = 4  # an epoch
pytestmark = pytest.mark.usefixtures("one_thread")


class Kept(Recorder):
    """Results by step; states at every step, and a stop at one of them."""

    def __init__(self, stop: int | None = None) -> None:
        self.results: dict[int, Result] = {}
        self.states: dict[int, State] = {}
        self.stop = stop

    def result(self, result: Result) -> None:
        assert result.step is not None
        weights = {name: copied(own) for name, own in result.weights.items()}
        state = None if result.state is None else copied(result.state)
        self.results[result.step] = replace(result, weights=weights, state=state)

    def pause(self, state: Callable[[], State] | None = None) -> None:
        assert state
        found = state()
        self.states[found.step] = State(found.step, list(found.rows), copied(found.tensors))
        if found.step == self.stop:
            raise Stopped


def copied(tensors: Tensors) -> dict[str, torch.Tensor]:
    """As a store would keep them."""
    return {name: value.detach().clone().contiguous() for name, value in tensors.items()}


def spec(start: Any = None, **changes: Any) -> TrainSpec:
    about = TrainSpec(
        start or Draw("teacher", 0, NET, 1), SAMPLES, 100, SETTINGS, 0, 1, 2, mask=None, momentum=False
    )
    return replace(about, **changes)


def opened() -> tuple[Any, np.ndarray, Inputs]:
    about: dict[str, Any] = {"size": 16, "channels": 1, "loader": "memory", "root": Path(), "cache": Path()}
    data, test = (open_split("mnist5k", split, **about) for split in ("train", "test"))
    assert data.labels is not None and test.labels is not None
    return data, balanced(data.labels, 200), Inputs(test, balanced(test.labels, 100), CPU)


def drawn(role: str = "teacher") -> dict[str, torch.Tensor]:
    state = nets.draw_encoder(NET, 1, 16, role, 0).state_dict()
    return {f"encoder.{name}": value for name, value in state.items()}


def run(
    about: TrainSpec, *steps: int, start: Tensors | None = None, masks: Masks | None = None, **resume: Any
) -> Kept:
    kept = Kept()
    train(about, steps, start or drawn(), masks, *opened(), CPU, kept, **resume)
    assert list(kept.results) == list(steps)
    return kept


def same(one: Result, other: Result) -> bool:
    parts = ("encoder", "classifier")
    equal = [torch.equal(one.weights[p][n], other.weights[p][n]) for p in parts for n in one.weights[p]]
    return one.rows == other.rows and all(equal)


def masks_of(share: float) -> Masks:
    generator = torch.Generator().manual_seed(3)
    shapes = prunable(NET, 1, 16, 10, "all")
    return {name: torch.rand(shape, generator=generator) < share for name, shape in shapes.items()}


def rewound(at: Result, **also: Tensors) -> dict[str, torch.Tensor]:
    parts = {**at.weights, **also}
    return {f"{part}.{name}": value for part, own in parts.items() for name, value in own.items()}


@pytest.fixture(scope="module")
def whole() -> dict[int, Result]:
    """A training of three epochs, looked at after one and in the middle of one."""
    return run(spec(), 0, STEPS, 6, 3 * STEPS).results


def test_a_mask_of_ones_is_no_mask_bit_for_bit(whole: dict[int, Result]) -> None:
    ones = run(spec(), 3 * STEPS, masks=masks_of(2.0)).results[3 * STEPS]
    assert same(ones, whole[3 * STEPS])


def test_pruned_weights_are_zero_at_every_step_and_the_others_move() -> None:
    masks = masks_of(0.5)
    kept = run(spec(), 3 * STEPS, masks=masks)
    start = Classified(nets.build(NET, 1, 16), torch.nn.Linear(32, 10))
    for state in kept.states.values():
        named = {n: state.tensors[n] for n, _ in start.named_parameters()}
        assert all(not named[name][~mask].any() for name, mask in masks.items())
    end, begin = kept.results[3 * STEPS], drawn()
    for name, value in end.weights["encoder"].items():
        if (mask := masks.get(f"encoder.{name}")) is not None and mask.dim() == 4:
            assert (value != begin[f"encoder.{name}"])[mask].any(), name
    moments = kept.states[3 * STEPS - 1].tensors
    assert moments["momentum.encoder.layers.0.weight"][~masks["encoder.layers.0.weight"]].any()


def test_the_same_round_twice_is_the_same(whole: dict[int, Result]) -> None:
    masks = masks_of(0.3)
    one, two = (run(spec(), 3 * STEPS, masks=masks).results[3 * STEPS] for _ in range(2))
    assert same(one, two) and not same(one, whole[3 * STEPS])


def test_rewinding_restores_weights_buffers_and_classifier(whole: dict[int, Result]) -> None:
    there = whole[STEPS]
    about = spec(Snapshot("k", STEPS, NET, 1, "train"))
    back = run(about, STEPS, 3 * STEPS, start=rewound(there)).results
    for part in ("encoder", "classifier"):
        assert all(torch.equal(back[STEPS].weights[part][n], v) for n, v in there.weights[part].items())
    assert set(there.weights["encoder"]) > {"layers.1.running_mean", "layers.1.running_var"}
    assert back[STEPS].rows[-1] == there.rows[-1]  # the test error there
    assert not same(back[3 * STEPS], whole[3 * STEPS])  # its momentum began at zero


def test_with_momentum_restored_a_rewound_training_is_the_unbroken_one(whole: dict[int, Result]) -> None:
    there, about = whole[STEPS], spec(Snapshot("k", STEPS, NET, 1, "train"), momentum=True)
    assert there.state is not None
    momentum = {n.removeprefix("momentum."): v for n, v in there.state.items() if n != "totals"}
    back = run(about, 3 * STEPS, start=rewound(there, momentum=momentum)).results[3 * STEPS]
    end = whole[3 * STEPS]
    assert all(torch.equal(back.weights["encoder"][n], v) for n, v in end.weights["encoder"].items())
    assert back.rows == [row for row in end.rows if row["step"] > STEPS]


def test_it_goes_on_from_any_state(whole: dict[int, Result]) -> None:
    kept = Kept(stop=9)
    with pytest.raises(Stopped):
        train(spec(), [6, 3 * STEPS], drawn(), None, *opened(), CPU, kept)
    assert sorted(kept.states) == list(range(10)) and list(kept.results) == [6]
    for step in (1, 5, 6, 9):
        rest = run(spec(), 3 * STEPS, resume=kept.states[step]).results[3 * STEPS]
        assert [row["step"] for row in rest.rows] == [4, 8, 12, 12]
        assert same(rest, replace(whole[3 * STEPS], rows=rest.rows)) and rest.rows[-1] == whole[12].rows[-1]


def test_a_snapshot_on_the_way_is_a_state_and_the_last_one_is_not(whole: dict[int, Result]) -> None:
    assert whole[3 * STEPS].state is None
    at = whole[STEPS]
    assert at.state is not None
    resume = State(STEPS, at.rows, {**rewound(at), **at.state})
    assert same(run(spec(), 3 * STEPS, resume=resume).results[12], replace(whole[12], rows=whole[12].rows))


def test_the_rate_falls_at_a_milestone() -> None:
    """With a rate of nothing from the second epoch on, parameters stand still, statistics do not."""
    still = replace(SETTINGS, milestones=[1], decay=0.0)
    results = run(spec(train=still), STEPS, 3 * STEPS).results
    one, three = results[STEPS].weights["encoder"], results[3 * STEPS].weights["encoder"]
    parameters = {name for name, _ in nets.build(NET, 1, 16).named_parameters()}
    assert {name for name in one if not torch.equal(one[name], three[name])} == set(one) - parameters


def test_steps_are_those_of_sgd_by_hand() -> None:
    """v = 0.9 v + g + 1e-4 w, w = w - lr v, on the batches of default_rng([seed, epoch, 1]).

    Each step from the stage's own state before it, since later ones blow rounding up.
    """
    data, indices, test = opened()
    model = Classified(nets.build(NET, 1, 16), torch.nn.Linear(32, 10))
    model = model.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    kept = run(spec(seed_augment=None), STEPS, 2 * STEPS)
    order = np.random.default_rng([1, 0, 1]).permutation(indices)
    for step in range(STEPS):
        before, after = kept.states[step].tensors, kept.states[step + 1].tensors
        model.load_state_dict({name: before[name] for name in model.state_dict()})
        batch = torch.from_numpy(order[64 * step : 64 * step + 64])
        x_BCHW, y_B = prepare(data.images[batch], data, CPU), torch.from_numpy(data.labels)[batch]
        model.zero_grad()
        F.cross_entropy(model(x_BCHW), y_B).backward()
        for name, p in model.named_parameters():
            assert p.grad is not None
            velocity = 0.9 * before.get(f"momentum.{name}", torch.zeros(())) + p.grad + 1e-4 * p
            torch.testing.assert_close(after[f"momentum.{name}"], velocity.detach(), rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(after[name], (p - 0.05 * velocity).detach(), rtol=1e-4, atol=1e-6)
    model.load_state_dict({name: kept.states[STEPS].tensors[name] for name in model.state_dict()})
    wrong = sum(
        int((model.eval()(prepare(i, test.data, CPU)).argmax(1) != test.labels_N).sum()) for i in test.images
    )
    assert kept.results[STEPS].rows[-1]["error"] == wrong  # of 100 samples


def test_in_bfloat16_the_encoder_alone_is_rounded() -> None:
    """A step by hand; the classifier, the loss, SGD and the errors that are reported are float32."""
    about = spec(train=replace(SETTINGS, precision="bf16", augment="none"))
    (data, indices, test), result = opened(), run(about, 1).results[1]
    encoder = nets.draw_encoder(NET, 1, 16, "teacher", 0).to(memory_format=torch.channels_last)
    classifier = nets.draw_classifier(nets.embedding_dim(NET, 16), 10, 0)
    at = np.random.default_rng([1, 0, about.order]).permutation(indices)[:64]
    with torch.autocast("cpu", torch.bfloat16):
        embedding = encoder.train()(prepare(data.images[torch.from_numpy(at)], data, CPU))
    assert embedding.dtype == torch.bfloat16
    loss = F.cross_entropy(classifier(embedding.float()), torch.from_numpy(data.labels[at]))
    loss.backward()
    for module in (encoder, classifier):
        for parameter in module.parameters():
            assert parameter.grad is not None
            step = parameter.grad.add(parameter.detach(), alpha=SETTINGS.weight_decay)
            parameter.data.sub_(step, alpha=SETTINGS.lr)
    for name, module in (("encoder", encoder), ("classifier", classifier)):
        for key, value in module.state_dict().items():
            torch.testing.assert_close(result.weights[name][key], value, rtol=0, atol=1e-6)
    error, loss_ = errors(Classified(encoder.eval(), classifier), test)
    told = result.rows[-1]
    assert told["error"] == pytest.approx(error, abs=1) and told["loss"] == pytest.approx(loss_, abs=1e-4)


def test_augmentation_has_a_stream_of_its_own() -> None:
    plain, one, two = (run(spec(seed_augment=seed), STEPS).results[STEPS] for seed in (None, 2, 3))
    assert not same(plain, one) and not same(one, two)
    assert same(one, run(spec(seed_augment=2), STEPS).results[STEPS])


def test_a_diverged_training_is_a_result() -> None:
    hot = replace(SETTINGS, lr=1e30)
    kept = Kept()
    train(spec(train=hot), [STEPS, 3 * STEPS], drawn(), None, *opened(), CPU, kept)
    assert [result.status for result in kept.results.values()] == ["diverged", "diverged"]
    assert not kept.results[STEPS].weights and kept.results[STEPS].rows[-1]["diverged_at"] <= STEPS


def test_errors_by_hand() -> None:
    _, _, test = opened()
    error, loss = errors(lambda x: torch.zeros(len(x), 10), test)
    assert error == 90 and loss == pytest.approx(np.log(10))  # the lowest class wins a tie: ten of a hundred
