"""The numbers that each kind of job gives."""

from collections.abc import Mapping

# Measures of features by the kind of job that gives them, in their order in every table and figure.
OF_FEATURES = {"probe": ("linear", "linear_std", "knn"), "measure": ("logistic",)}
MEASURES = tuple(measure for given in OF_FEATURES.values() for measure in given)
_DISTANCES = tuple(f"distance_{of}_{part}" for of in ("start", "teacher") for part in ("encoder", "head"))
# All measures of each kind of job, by the splits that they are of; "val" where samples are held out.
NUMBERS: Mapping[str, Mapping[tuple[str | None, ...], tuple[str, ...]]] = {
    "distill": {(None,): ("loss", "kl", *_DISTANCES)},
    "probe": {("test", "val"): OF_FEATURES["probe"]},
    "measure": {("test", "val"): OF_FEATURES["measure"]},
    "train": {("train", "test"): ("error", "loss")},
    "mask": {(None,): ("kept_weights", "weights", "empty_layers")},
    "connect": {
        ("train", "test"): ("error", "loss", "barrier_error", "barrier_loss"),
        (None,): ("distance", "cosine"),
    },
    "plane": {("train", "test"): ("kl",), ("test",): OF_FEATURES["probe"], (None,): ("norm",)},
}
