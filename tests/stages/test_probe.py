"""Probes against scikit-learn-free references written out: one linear layer by torch."""

import torch
import torch.nn.functional as F

from loaders.streams import stream
from randteach.specs import Pixels, ProbeSpec, Samples
from randteach.stages.probe import linear_probe
from tests.studies import Quiet


def spec(**changes: object) -> ProbeSpec:
    samples = Samples("fashion_mnist", "", 1, 16, 100)
    values = {"epochs": 3, "batch_size": 32, "lr": 1e-3, "weight_decay": 0.01, "neighbours": 3}
    return ProbeSpec(Pixels(), samples, 10, seed=0, **{**values, **changes})  # type: ignore[arg-type]


def reference(x: torch.Tensor, y: torch.Tensor, classes: int, batch: int, epochs: int) -> torch.nn.Linear:
    """One plain nn.Linear, trained by the definition."""
    count, dim = x.shape
    layer = torch.nn.Linear(dim, classes)
    start = (2 * torch.rand(dim + 1, classes, generator=stream("probe/linear", 0)) - 1) / dim**0.5
    with torch.no_grad():
        layer.weight.copy_(start[:-1].T)
        layer.bias.copy_(start[-1])
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-3, weight_decay=0.01)
    order = torch.randperm(count, generator=stream("probe/order", 0))
    for _ in range(epochs):
        for part in order.split(batch):
            optimizer.zero_grad()
            F.cross_entropy(layer(x[part]), y[part]).backward()
            optimizer.step()
    return layer


def test_both_linear_probes_equal_a_layer_trained_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(100, 6, generator=generator) * torch.tensor([1.0, 5, 0.1, 2, 1, 0]) + 3
    y = torch.randint(0, 4, (100,), generator=generator)
    raw, std = linear_probe(spec(), x, y, 4, Quiet())
    standard = (x - x.mean(0)) / torch.where(x.std(0, correction=0) > 0, x.std(0, correction=0), 1)
    assert not standard[:, 5].any()  # the constant feature: its standard deviation counts as 1
    for probe, inputs in ((raw, x), (std, standard)):
        layer = reference(inputs, y, 4, 32, 3)
        torch.testing.assert_close(probe(x), layer(inputs).detach(), rtol=1e-4, atol=1e-5)
