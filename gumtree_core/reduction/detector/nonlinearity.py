"""Detectors whose pixels are not evenly spaced."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

Array = NDArray[np.float64]


def position(pixel: npt.ArrayLike, number: int, size: float, curvature: float = 0.0) -> Array:
    """Where a detector sees a pixel, in mm from its middle.

    c tan((k - middle) size / c), as the ORDELA detectors of the NCNR (detector/nonlinearity_x, _y); (k -
    middle) size where c is 0, for even pixels.

    Parameters
    ----------
    pixel
        k, from 0; fractions too.
    number
        Of the pixels in this direction; the middle is (number - 1) / 2.
    size
        Of the pixel in the middle, in mm.
    curvature
        c in mm.
    """
    even = (np.asarray(pixel, dtype=np.float64) - (number - 1) / 2) * size
    return np.asarray(curvature * np.tan(even / curvature)) if curvature else even
