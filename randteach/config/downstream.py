"""Settings of the jobs below a student: supervised training, tickets, lines and planes."""

from dataclasses import dataclass

from randteach.config.setting import chosen, setting

PRECISIONS = ("fp32", "tf32", "bf16")
PRECISION = (
    "products of float32 numbers, of TF32 ones (GPUs), or of bfloat16 ones (GPUs, CPUs that have them)"
)


@dataclass
class Train:
    """Supervised training by SGD, of lottery tickets and of the children of a checkpoint."""

    epochs: int = setting(160, "passes over the labelled samples (those of the probe)", low=1)
    batch_size: int = setting(256, "samples a step", low=2)
    lr: float = setting(0.1, "learning rate", low=0.0)
    momentum: float = setting(0.9, "momentum", low=0.0, below=1.0)
    weight_decay: float = setting(1e-4, "weight decay, on every parameter", low=0.0)
    milestones: list[int] = setting([80, 120], "epochs after which the rate falls", low=0)
    decay: float = setting(0.1, "what the rate is multiplied by at each of them", low=0.0, high=1)
    augment: str = setting("flip_crop", "augmentation")
    padding: int = setting(4, "flip_crop: pixels of zero padding", low=0)
    precision: str = setting("fp32", PRECISION, choices=PRECISIONS, absent="fp32")


@dataclass
class Tickets:
    """Lottery tickets by iterative magnitude pruning, `rounds` of it."""

    fraction: float = setting(0.2, "share of the remaining weights that a round prunes", low=1e-3, below=1.0)
    scope: str = setting(
        "weights",
        "what is pruned: convolutions' and linear layers' weights, or all parameters and the classifier's",
        choices=("weights", "all"),
    )
    rewind: list[int] = setting(
        [0, 1, 2, 5], "epochs of its supervised training that the teacher is rewound to", low=0, key=False
    )
    momentum: str = setting("zero", "momentum after rewinding", choices=("zero", "restored"))
    controls: list[str] = setting(
        [],
        "also under random masks (globally, or by layer), re-initialised, or under the other's masks",
        choices=("random", "random_layers", "reinit", "transfer"),
        key=False,
    )
    at: list[int] | None = chosen("epochs of the student that are pruned", "its last")
    alphas: list[float] | None = chosen("students that are pruned, by alpha", "all")


@dataclass
class Connect:
    """Mode connectivity: the lines between children of one checkpoint."""

    children: int = setting(5, "trainings from a checkpoint, with orders 0, 1, 2, ...", low=2, key=False)
    points: int = setting(50, "points of a line, its ends included", low=2)
    train_size: int | None = setting(None, "training samples a point (null: those of the probe)", low=1)
    test_size: int | None = setting(None, "test samples a point (null: those of the probe)", low=1)
    at: list[int] | None = chosen("epochs of the student that have children", "its last")
    alphas: list[float] | None = chosen("students that have children, by alpha", "all")


@dataclass
class Plane:
    """Losses on the plane through the teacher and two of its students, or the line through one."""

    alphas: list[float] = setting(
        [1e-10, 1.0], "the students, by alpha: two, or one for a line", low=0, high=1
    )
    of: str = setting(
        "outputs",
        "what is weighted and compared: encoder and head by their outputs, or the encoder by its embedding",
        choices=("outputs", "embedding"),
        absent="outputs",
    )
    resolution: int = setting(25, "points a side", low=2, key=False)
    around: str = setting(
        "networks",
        "what the grid lies around: all networks, or the teacher",
        choices=("networks", "teacher"),
        absent="networks",
    )
    margin: float = setting(
        0.5,
        "room around the networks, as a share of their box; around the teacher, of its way to student one",
        low=0.0,
    )
    coordinates: str = setting(
        "oblique", "axes: along the students, or orthonormal", choices=("oblique", "orthonormal")
    )
    norm: str = setting(
        "reestimated",
        "norm layers: statistics estimated anew, interpolated like weights, or each batch's own",
        choices=("interpolated", "reestimated", "batch"),
    )
    train_size: int | None = setting(None, "training samples a point (null: those of the probe)", low=1)
    test_size: int | None = setting(None, "test samples a point (null: those of the probe)", low=1)
