"""Random inputs by name (`loaders.noise`): drawn, or made from the images of `data.like`."""

from loaders import noise
from loaders.datasets.dataset import DataSet


def _noise(name: str, title: str, made: noise.Noise) -> DataSet:
    source = "made from images" if made.of_images else "drawn"
    return DataSet(
        name,
        title,
        source,
        licence="-",
        shape=(0, 0, 0),
        classes=0,
        train=0,
        test=0,
        checksum="v1",
        read=None,
        flips=True,
        noise=made,
    )


NOISES = (
    _noise("gaussian", "Gaussian noise", noise.Noise(noise.gaussian)),
    _noise("pink", "1/f noise", noise.Noise(noise.pink)),
    _noise("patches", "patches of noise", noise.Noise(noise.patches)),
    _noise("shuffled_all", "pixels shuffled alike", noise.Noise(noise.shuffled_all, of_images=True)),
    _noise("shuffled_each", "pixels shuffled apart", noise.Noise(noise.shuffled_each, of_images=True)),
    _noise("phase", "phases drawn", noise.Noise(noise.phase, of_images=True)),
)
