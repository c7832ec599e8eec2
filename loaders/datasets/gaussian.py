"""Random inputs, which are drawn (`loaders.noise`)."""

from loaders.datasets.dataset import DataSet

GAUSSIAN = DataSet(
    name="gaussian",
    title="Gaussian noise",
    source="drawn",
    licence="-",
    shape=(0, 0, 0),
    classes=0,
    train=0,
    test=0,
    checksum="v1",
    read=None,
    flips=True,
)
