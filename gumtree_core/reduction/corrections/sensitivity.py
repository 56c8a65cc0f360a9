"""The relative sensitivity of pixels, from the flood of a flat scatterer."""

from __future__ import annotations

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Geometry


def sensitivity(
    flood: Dataset, geometry: Geometry, *, lowest: float = 0.5, highest: float = 1.5, shadow: float = 0.0
) -> Dataset:
    """Relative sensitivity of each pixel; its mean over the usable ones is 1.

    Parameters
    ----------
    flood
        (y, x), rate of a flat scatterer without background, over its transmission at each angle.
    lowest, highest
        Pixels beyond these, relative to the mean of all, are masked as `sensitivity`.
    shadow
        Radius of the beam stop's shadow in mm; masked too.

    Returns
    -------
    Dataset
        (y, x), the flood over cos^3(2 theta) and over its mean, whose error is carried too.

    Raises
    ------
    GumtreeError
        BAD_FLOOD where the mean is not above 0: there is nothing to compare pixels with.
    """
    flat = flood / Dataset(geometry.relative_solid_angle, dims=("y", "x"))
    if shadow > 0:
        flat = flat.with_masks(shadow=geometry.radius <= shadow)
    mean = float(flat.mean().values)
    if not mean > 0:
        raise GumtreeError(
            "BAD_FLOOD",
            f"The flood's mean over all pixels is {mean:g} after its background; it must be above 0. Was the "
            "shutter closed?",
        )
    relative = flat.values / mean
    usable = flat.with_masks(sensitivity=(relative < lowest) | (relative > highest) | ~np.isfinite(relative))
    relative_to_mean: Dataset = usable / usable.mean()
    return relative_to_mean
