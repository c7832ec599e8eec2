"""Pixels of an image."""

import numpy as np
from PIL import Image

from loaders.resize import Images

MODES = {1: "L", 3: "RGB"}


def pixels(image: Image.Image, channels: int) -> Images:
    """An image as image_1CHW, in grey (1 channel) or in colour (3)."""
    found = np.asarray(image.convert(MODES[channels]), np.uint8)
    return np.ascontiguousarray(found.reshape(*found.shape[:2], channels).transpose(2, 0, 1)[None])
