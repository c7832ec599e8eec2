"""Presets: values of settings by their names, and what those of all sweeps have in common.

A tuple is an axis, a list is a value. Settings that go together have one axis, with a tuple a point:
`{"net.arch:data.size": (("resnet18", 16), ("vgg11", 32))}`.
"""

from collections.abc import Mapping

from randteach.config.labels import label

Scalar = str | int | float | bool | None
Value = Scalar | list[Scalar]
Preset = Mapping[str, Value | tuple[Value | tuple[Value, ...], ...]]
TIE = ":"  # between settings that have one axis, and between their values

MINIATURE: dict[str, Value | tuple[Value | tuple[Value, ...], ...]] = {
    "net.arch": "resnet18",
    "net.width": 8,
    "head.hidden_dims": [256, 256],
    "head.bottleneck_dim": 64,
    "head.out_dim": 1024,
    "data.name": "fashion_mnist",
    "data.like": "fashion_mnist",
    "data.size": 16,
    "data.train_size": 10000,
    "distill.batch_size": 128,
    "distill.epochs": 10,
    "probe.train_size": 10000,
    "probe.test_size": 5000,
}

SMOKE_ENDS = "_smoke"  # of the names of studies of this preset, unless they are given another


def is_smoke(study: str) -> bool:
    """Whether a study's name says that it is not for reading."""
    return study.endswith(SMOKE_ENDS)


# As small as all parts of a study can be: for tests, not for reading.
SMOKE: dict[str, Value | tuple[Value | tuple[Value, ...], ...]] = {
    **{name: value for name, value in MINIATURE.items() if name != "distill.epochs"},
    "seed": (0, 1),
    "net.width": 4,
    "data.train_size": 1000,
    "distill.steps": 20,
    "probe.train_size": 500,
    "probe.test_size": 300,
}

PAPER: dict[str, Value | tuple[Value | tuple[Value, ...], ...]] = {
    "seed": (0, 1, 2),
    "net.arch": ("resnet18", "vgg11"),
    "data.name": "cifar10",
    "data.like": "cifar10",
    "data.size": 32,  # larger images are averaged to it
    "distill.epochs": 100,
}

# Init distances from nearly 0, as the paper's authors ran it, to 1.
FEW_ALPHAS = (1e-10, 0.3, 0.6, 0.8, 1.0)
ALPHAS = (1e-10, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def texts(preset: Preset) -> dict[str, str]:
    """A preset as it would be typed; texts stay as they are.

    Of two entries that name one setting, alone or tied to others, the later one holds.
    """
    found: dict[str, str] = {}
    for name, value in preset.items():
        for before in [one for one in found if set(one.split(TIE)) & set(name.split(TIE))]:
            del found[before]
        found[name] = value if isinstance(value, str) else text(value)
    return found


def text(value: object, between: str = ",") -> str:
    """A value as it would be typed."""
    if isinstance(value, tuple):
        return between.join(text(one, TIE) for one in value)
    if isinstance(value, list):
        return f"[{','.join(map(text, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    shown = label(value)
    return f'"{shown}"' if set(shown) & {",", TIE} else shown
