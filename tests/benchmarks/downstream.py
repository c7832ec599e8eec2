"""Lines, planes and masked training, against the direct way: load, interpolate and evaluate each alone."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from timing import interleaved, rate, ratio
from torch.utils.data import DataLoader, TensorDataset

from loaders import Split, open_images, open_split
from loaders.order import balanced
from randteach import nets
from randteach.config.downstream import Train
from randteach.config.schema import Head, Net
from randteach.environment import numerics
from randteach.nets.classified import Classified
from randteach.nets.pruning import prunable
from randteach.specs import ConnectSpec, Draw, PlaneSpec, ProbeSpec, Samples, Snapshot, TrainSpec
from randteach.stages.connect import connect
from randteach.stages.evaluate import Inputs
from randteach.stages.plane import plane
from randteach.stages.recorder import Recorder
from randteach.stages.teacher import frozen
from randteach.stages.train import Training

ROUNDS = 3
NET, HEAD, SIZE = Net("resnet18", 8), Head([256, 256], 64, 1024), 16  # those of --preset mini
POINTS, CHILDREN, COUNT = 11, 3, 2000
CPU = torch.device("cpu")
SAMPLES = Samples("fashion_mnist", "", 1, SIZE, COUNT)


class Quiet(Recorder):
    """Keeps nothing."""


def opened(split: str, size: int = SIZE, channels: int = 1, fresh: bool = False) -> Split:
    """A split in memory; a fresh one is read and resized again."""
    if fresh:
        open_images.cache_clear()
    place = Path()
    return open_split(
        "fashion_mnist", split, size=size, channels=channels, loader="memory", root=place, cache=place
    )


def inputs(split: str) -> Inputs:
    """As many samples of a split as a point is evaluated on."""
    data = opened(split)
    assert data.labels is not None
    return Inputs(data, balanced(data.labels, COUNT), CPU)


def checkpoints(folder: Path) -> list[Path]:
    """Networks in files: encoder, head and classifier."""
    paths = []
    for number in range(CHILDREN):
        encoder = nets.draw_encoder(NET, 1, SIZE, "child", number)
        head = nets.draw_head(HEAD, 64, "child", number)
        model = {"encoder": encoder, "head": head, "classifier": nets.draw_classifier(64, 10, number)}
        paths.append(folder / f"{number}.safetensors")
        named = {f"{part}.{n}": v for part, own in model.items() for n, v in own.state_dict().items()}
        save_file(named, paths[-1])
    return paths


def loader(split: str) -> DataLoader[Any]:
    """The data opened for one pair alone: normalised tensors behind a DataLoader."""
    data: Any = opened(split, fresh=True)
    chosen = torch.from_numpy(balanced(data.labels, COUNT))
    x = (data.images[chosen].float() / 255 - data.mean[0]) / data.std[0]
    return DataLoader(TensorDataset(x, torch.from_numpy(data.labels)[chosen]), batch_size=256)


def mixed(states: list[dict[str, torch.Tensor]], weights: list[float], *modules: tuple[str, Any]) -> None:
    """Interpolate state dicts in float32, entry by entry."""
    for part, module in modules:
        own = {n.removeprefix(part + "."): n for n in states[0] if n.startswith(part + ".")}
        module.load_state_dict(
            {short: sum(w * s[n] for w, s in zip(weights, states, strict=True)) for short, n in own.items()}
        )


@torch.no_grad()
def direct_line(one: Path, other: Path) -> None:
    """One pair: error and loss on both splits, with interpolated and with re-estimated statistics."""
    states = [load_file(one), load_file(other)]
    train, test = loader("train"), loader("test")
    encoder, classifier = nets.build(NET, 1, SIZE), torch.nn.Linear(64, 10)
    for point in range(POINTS):
        gamma = point / (POINTS - 1)
        for again in (False, True):
            mixed(states, [gamma, 1 - gamma], ("encoder", encoder), ("classifier", classifier))
            if again:
                encoder.train()
                for x, _ in train:
                    encoder(x)
            encoder.eval()
            for data in (train, test):
                for x, y in data:
                    logits = classifier(encoder(x))
                    (logits.argmax(1) != y).sum().item()
                    F.cross_entropy(logits, y, reduction="sum").item()


def direct_points(paths: list[Path]) -> None:
    """A row of a plane: KL in a pass of its own, features in another, one probe after the other."""
    states = [load_file(path) for path in paths]
    train, test = loader("train"), loader("test")
    teacher, encoder = nets.build(NET, 1, SIZE).eval(), nets.build(NET, 1, SIZE)
    own, head = nets.Head(HEAD, 64), nets.Head(HEAD, 64)
    mixed(states[:1], [1.0], ("encoder", teacher), ("head", own))
    for point in range(POINTS):
        x_at = point / (POINTS - 1)
        with torch.no_grad():
            mixed(states, [0.5 - x_at, x_at, 0.5], ("encoder", encoder), ("head", head))
            encoder.train()
            for x, _ in train:
                encoder(x)
            encoder.eval()
            for data in (train, test):
                for x, _ in data:
                    log_s, log_t = (h(e(x)).log_softmax(1) for e, h in ((encoder, head), (teacher, own)))
                    F.kl_div(log_s, log_t, log_target=True, reduction="sum").item()
            features = [torch.cat([encoder(x) for x, _ in data]) for data in (train, test)]
            labels = [torch.cat([y for _, y in data]) for data in (train, test)]
        std, mean = torch.std_mean(features[0], dim=0)
        for fit, judge in (features, [(f - mean) / std for f in features]):
            direct_probe(fit, labels[0], judge)
        near = torch.cdist(features[1], features[0]).topk(20, largest=False).indices
        labels[0][near].mode(1)


def direct_probe(x_ND: torch.Tensor, y_N: torch.Tensor, test_MD: torch.Tensor) -> None:
    """A linear layer by AdamW for ten epochs."""
    layer = torch.nn.Linear(x_ND.shape[1], 10)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-3, weight_decay=0.01)
    for _ in range(10):
        for x, y in zip(x_ND.split(256), y_N.split(256), strict=True):
            optimizer.zero_grad()
            F.cross_entropy(layer(x), y).backward()
            optimizer.step()
    with torch.no_grad():
        layer(test_MD).argmax(1)


def run() -> None:
    """Points a second along the lines of a family, and of a plane."""
    numerics.set_up(1, 0)
    print(f"Points of lines and planes, --preset mini, 2 x {COUNT} images a point, 1 thread; {ROUNDS} rounds")
    with tempfile.TemporaryDirectory() as folder:
        paths = checkpoints(Path(folder))
        held: dict[str, Inputs] = {}
        pairs = list(combinations(range(CHILDREN), 2))

        def samples() -> tuple[Inputs, Inputs]:
            """A worker keeps its inputs between jobs."""
            for split in ("train", "test"):
                held.setdefault(split, inputs(split))
            return held["train"], held["test"]

        def ours_lines() -> None:
            held.clear()
            open_images.cache_clear()
            states = [load_file(path) for path in paths]
            for one, other in pairs:
                ends = (Snapshot(str(one), 1, NET, 1, "train"), Snapshot(str(other), 1, NET, 1, "train"))
                spec = ConnectSpec(ends, SAMPLES, COUNT, POINTS)
                connect(spec, (states[one], states[other]), *samples(), CPU, Quiet())

        def direct_lines() -> None:
            for one, other in pairs:
                direct_line(paths[one], paths[other])

        def ours_points() -> None:
            held.clear()
            open_images.cache_clear()
            draws = tuple(Draw("child", number, NET, 1) for number in range(CHILDREN))
            judged = ProbeSpec(draws[0], SAMPLES, COUNT, 10, 256, 1e-3, 0.01, 20, 0)
            places = tuple(point / (POINTS - 1) for point in range(POINTS))
            about: tuple[Any, ...] = ("oblique", 0.5, "reestimated", 0.5, places)
            spec = PlaneSpec(draws, draws[0], HEAD, 1.0, 1.0, judged, *about)
            states = [load_file(path) for path in paths]
            plane(spec, states, frozen(draws[0], HEAD, SIZE, CPU), *samples(), CPU, Quiet())

        for name, direct, ours, count in (
            ("lines", direct_lines, ours_lines, POINTS * len(pairs)),
            ("plane", lambda: direct_points(paths), ours_points, POINTS),
        ):
            seconds = interleaved({"direct": direct, "ours": ours}, ROUNDS)
            one, other = (rate(count, seconds[way]) for way in ("direct", "ours"))
            print(
                f"  {name:6} direct {one:6.2f} points/s, ours {other:6.2f} points/s: "
                f"{ratio(seconds['direct'], seconds['ours'])}",
                flush=True,
            )
    masks()


def masks() -> None:
    """What a mask costs a training."""
    threads = len(os.sched_getaffinity(0))
    numerics.set_up(threads, 0)
    print(f"Masked training, batch 256, {threads} threads: extra time over unmasked; {2 * ROUNDS + 1} rounds")
    for net, size, channels, count in ((NET, SIZE, 1, 5120), (Net("resnet18", 64), 32, 3, 256)):
        advance = {
            name: _training(net, size, channels, count, name == "masked") for name in ("plain", "masked")
        }
        seconds = interleaved(advance, 2 * ROUNDS + 1)
        extra = [100 * (m / p - 1) for p, m in zip(seconds["plain"], seconds["masked"], strict=True)]
        low, middle, high = min(extra), float(np.median(extra)), max(extra)
        shape = f"width {net.width:2}, {channels} x {size} x {size}"
        print(f"  {shape}: {middle:+.1f} %  ({low:+.1f} to {high:+.1f})")


def _training(net: Net, size: int, channels: int, count: int, masked: bool) -> Callable[[], object]:
    """An epoch of a training, again and again."""
    data = opened("train", size, channels)
    assert data.labels is not None
    indices = balanced(data.labels, count)
    settings = replace(Train(), augment="none", epochs=1000, milestones=[])
    samples = Samples("fashion_mnist", "", channels, size, count)
    spec = TrainSpec(Draw("child", 0, net, channels), samples, 1, settings, 0, 0, None, None, False)
    drawn = nets.draw_encoder(net, channels, size, "child", 0).state_dict()
    start = {f"encoder.{name}": value for name, value in drawn.items()}
    generator = torch.Generator().manual_seed(0)
    shapes = prunable(net, channels, size, 10, "weights")
    found = {name: torch.rand(shape, generator=generator) < 0.2 for name, shape in shapes.items()}
    test = Inputs(data, indices[:1], CPU)
    training = Training(spec, start, found if masked else None, data, indices, test, CPU)
    assert isinstance(training.model, Classified)
    return lambda: training.advance(training.step + len(training.reader), Quiet())
