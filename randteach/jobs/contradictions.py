"""Refuse typed values that belong to nothing in the study.

Values of a preset pass: its sizes are ceilings, and its epochs belong to its own length.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from loaders import DATASETS
from randteach.config.labels import label
from randteach.config.overrides import Axes
from randteach.config.schema import Net, settings
from randteach.errors import UserError
from randteach.jobs.downstream import DOWNSTREAM
from randteach.jobs.resolve import resolve, steps_an_epoch
from randteach.nets import ARCHITECTURES, has_batch_norm

NORM_LAYERS = {"distill.teacher_norm": ("calibrated", "batch"), "plane.norm": ("interpolated", "batch")}


def check(axes: Axes) -> None:
    """UserError for a typed value that belongs to nothing in the study."""
    _check_noise(axes)
    _check_norms(axes)
    chosen = [f"{one.name}.alphas" for one in DOWNSTREAM.values() if f"{one.name}.alphas" in settings()]
    for name in chosen:
        alphas = _values(axes, "alpha")
        for value in _typed(axes, name):
            if value not in alphas:
                hint = f"no student has this alpha; give some of alpha={_shown(alphas)}, or add it there"
                raise UserError(f"{name}={label(value)}: {hint}")
    _check_epochs(_typed(axes, "probe.at"), axes)
    trained = max(_values(axes, "train.epochs"))
    for value in _typed(axes, "train.milestones"):
        if value > trained:
            raise UserError(f"train.milestones={value}: lies beyond train.epochs={trained}; leave it out")


def _check_noise(axes: Axes) -> None:
    names = _values(axes, "data.name")
    if not all(name in DATASETS for name in names):
        return
    noises = {name: item.noise for name, item in DATASETS.items() if item.noise}
    scaled = [name for name, noise in noises.items() if not noise.of_images]
    for name, owners in (("data.sigma", scaled), ("seeds.noise", noises), ("data.like", noises)):
        for value in _typed(axes, name):
            if not set(names) & {*owners, value}:  # a set is like itself
                belongs = f"belongs to data.name={' or '.join(owners)}, and here data.name={_shown(names)}"
                raise UserError(f"{name}={label(value)}: {belongs}; leave it out")


def _check_norms(axes: Axes) -> None:
    archs, norms = _values(axes, "net.arch"), _values(axes, "net.norm")
    known = [arch for arch in archs if arch in ARCHITECTURES]
    if known and not any(has_batch_norm(Net(arch, norm=norm)) for arch in known for norm in norms):
        for name, kinds in NORM_LAYERS.items():
            for value in _typed(axes, name):
                if value in kinds:
                    hint = f"net.arch={_shown(archs)} has no BatchNorm; leave it out"
                    raise UserError(f"{name}={value}: {hint}")


def _check_epochs(epochs: Sequence[int], axes: Axes) -> None:
    if not epochs:
        return
    (length,), (steps,) = _values(axes, "distill.epochs"), _values(axes, "distill.steps")
    shown = f"distill.epochs={length}"
    if length is None and steps is not None:
        length = max(steps / steps_an_epoch(resolve(point, axes.typed)) for point in axes.points())
        shown = f"distill.steps={steps}, which are {length:.4g} epochs"
    if length is not None and max(epochs) > length:
        raise UserError(f"probe.at={max(epochs)}: lies beyond {shown}; give earlier ones, or train longer")


def _values(axes: Axes, name: str) -> Sequence[Any]:
    """All values of a setting, its default where none is given."""
    return axes.values.get(name, (settings()[name].default,))


def _typed(axes: Axes, name: str) -> list[Any]:
    """All values that the user typed, lists opened; null is none."""
    values = axes.values[name] if name in axes.typed else ()
    opened = [value if isinstance(value, list) else [value] for value in values if value is not None]
    return [one for value in opened for one in value]


def _shown(values: Iterable[Any]) -> str:
    return ",".join(map(label, values))
