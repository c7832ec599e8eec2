"""Global magnitude pruning against a net pruned by hand, its counts, and its random controls."""

from typing import Any

import pytest
import torch

from randteach.config.schema import Net
from randteach.nets import pruning
from randteach.nets.pruning import Masks, kept, pack, prunable, smallest_pruned, unpack
from randteach.specs import MaskSpec
from randteach.stages.mask import mask
from randteach.stages.recorder import Recorder, Result

NET = Net("resnet18", 4)
ABOUT = {"net": vars(NET), "channels": 1, "size": 16, "classes": 10, "scope": "weights"}
# Three layers; magnitudes 5 4 3 3 2 2 2 1 1 0.
LAYERS = {
    "one": torch.tensor([[1.0, -3.0], [2.0, 0.0]]),
    "two": torch.tensor([-2.0, 5.0, 1.0]),
    "three": torch.tensor([[-4.0, 2.0, 3.0]]),
}


class Kept(Recorder):
    def result(self, result: Result) -> None:
        self.made = result


def spec(how: str, number: int, scope: str = "weights", fraction: float = 0.2, seed: int = 0) -> MaskSpec:
    return MaskSpec(how, None, None, NET, 1, 16, 10, scope, fraction, number, seed)


def made(about: MaskSpec, *given: Any) -> tuple[Masks, dict[str, Any]]:
    record = Kept()
    mask(about, *(given or (None, None)), record)
    return unpack(ABOUT | {"scope": about.scope}, record.made.weights["mask"]), record.made.rows[0]


def listed(masks: Masks) -> dict[str, list[int]]:
    return {name: own.flatten().int().tolist() for name, own in masks.items()}


def test_three_layers_with_ties_by_hand() -> None:
    """Of the three 2s the first two in the order of the layers stay, of the two 1s the first."""
    assert listed(smallest_pruned(LAYERS, None, 6)) == {
        "one": [0, 1, 1, 0], "two": [1, 1, 0], "three": [1, 0, 1]
    }  # fmt: skip
    assert listed(smallest_pruned(LAYERS, None, 8)) == {
        "one": [1, 1, 1, 0], "two": [1, 1, 0], "three": [1, 1, 1]
    }  # fmt: skip


def test_what_was_pruned_stays_pruned_even_where_it_is_large() -> None:
    within = smallest_pruned(LAYERS, None, 6)
    grown = {name: torch.where(within[name], weight, 9.0) for name, weight in LAYERS.items()}
    again = smallest_pruned(grown, within, 4)
    assert listed(again) == {"one": [0, 1, 0, 0], "two": [0, 1, 0], "three": [1, 0, 1]}
    zeros = {name: torch.zeros_like(weight) for name, weight in LAYERS.items()}
    assert sum(int(own.sum()) for own in smallest_pruned(zeros, within, 6).values()) == 6
    assert listed(smallest_pruned(zeros, within, 6)) == listed(within)


@pytest.mark.parametrize("scope", ["weights", "all"])
def test_each_round_keeps_exactly_as_many_as_it_should(scope: str) -> None:
    shapes = prunable(NET, 1, 16, 10, scope)
    generator, within = torch.Generator().manual_seed(0), None
    count = sum(shape.numel() for shape in shapes.values())
    for number in range(1, 25):
        weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
        found, row = made(spec("magnitude", number, scope), weights, within)
        assert sum(int(own.sum()) for own in found.values()) == round(count * 0.8**number)
        assert row["kept_weights"] == round(count * 0.8**number) and row["weights"] == count
        if within is not None:
            assert all(not (found[name] & ~within[name]).any() for name in found)
        within = found


def test_scopes() -> None:
    """Convolutions of the encoder alone, or all parameters, the classifier's too."""
    weights, everything = prunable(NET, 1, 16, 10, "weights"), prunable(NET, 1, 16, 10, "all")
    assert set(weights) < set(everything) and all(len(shape) == 4 for shape in weights.values())
    rest = set(everything) - set(weights)
    assert {"classifier.weight", "classifier.bias", "encoder.layers.1.bias"} < rest
    assert everything["classifier.weight"] == (10, 32)
    assert len(prunable(Net("vgg11", 4), 1, 32, 10, "weights")) == 8


def test_random_masks_keep_as_many_in_all_or_in_each_layer() -> None:
    weights = {n: torch.randn(s) for n, s in prunable(NET, 1, 16, 10, "weights").items()}
    found, _ = made(spec("magnitude", 3), weights, None)
    layers, row = made(spec("random_layers", 3), None, found)
    anywhere, _ = made(spec("random", 3))
    total = sum(int(own.sum()) for own in found.values())
    assert {n: int(own.sum()) for n, own in layers.items()} == {n: int(own.sum()) for n, own in found.items()}
    assert row["kept_weights"] == sum(int(own.sum()) for own in anywhere.values()) == total
    assert listed(layers) != listed(found)
    assert listed(anywhere) == listed(made(spec("random", 3))[0])
    for other in (spec("random", 3, seed=1), spec("random_layers", 3)):
        given = (None, found) if other.how == "random_layers" else (None, None)
        assert listed(made(other, *given)[0]) != listed(anywhere)


def test_a_layer_pruned_to_nothing_is_reported() -> None:
    shapes = prunable(NET, 1, 16, 10, "weights")
    weights = {name: torch.full(shape, 0.1) for name, shape in shapes.items()}
    weights["encoder.layers.0.weight"].fill_(0.01)
    found, row = made(spec("magnitude", 1), weights, None)
    assert not found["encoder.layers.0.weight"].any() and row["kept/encoder.layers.0.weight"] == 0
    assert row["empty_layers"] == 1 + sum(not own.any() for n, own in found.items() if "layers.0." not in n)


def test_a_mask_takes_a_bit_a_weight() -> None:
    masks = {name: own.bool() for name, own in LAYERS.items()}
    packed = pack(masks)
    assert {name: value.numel() for name, value in packed.items()} == {"one": 1, "two": 1, "three": 1}
    shapes = prunable(NET, 1, 16, 10, "weights")
    generator = torch.Generator().manual_seed(1)
    whole = {name: torch.rand(shape, generator=generator) < 0.3 for name, shape in shapes.items()}
    assert sum(v.numel() for v in pack(whole).values()) <= sum(s.numel() for s in shapes.values()) // 8 + 20
    assert all(torch.equal(own, whole[name]) for name, own in unpack(ABOUT, pack(whole)).items())


def test_kept_rounds_to_the_nearest() -> None:
    assert [kept({"a": torch.Size([7, 3])}, 0.2, r) for r in range(5)] == [21, 17, 13, 11, 9]
    assert pruning.PRUNED < 0
