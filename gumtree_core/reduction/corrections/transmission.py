"""Transmission from direct beams, and what it does at an angle."""

from __future__ import annotations

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Array, Geometry


def beam_intensity(rate: Dataset, geometry: Geometry, radius: float) -> Dataset:
    """Sum of the rate within `radius` mm of the beam centre: a scalar, with the errors' correlations kept."""
    inside = (geometry.radius <= radius).astype(np.intp) - 1
    return rate.bin_sum(inside, 1, "beam")["beam", 0]


def transmission(through: Dataset, empty: Dataset) -> Dataset:
    """Ratio of two beam intensities.

    Raises
    ------
    GumtreeError
        NO_BEAM where the empty beam has no counts.
    """
    if not float(empty.values) > 0:
        raise GumtreeError(
            "NO_BEAM", "The empty beam has no counts at the beam centre; was the beam stop or the shutter in?"
        )
    ratio: Dataset = through / empty
    return ratio


def at_angle(transmission: Dataset, cosine: Array) -> Dataset:
    """Transmission of what is scattered at an angle, (y, x): T^((1 + 1 / cos(2 theta)) / 2).

    The mean path through a slab, half of it before and half after the scattering (Brulet et al., J. Appl.
    Cryst. 40 (2007) 165). It is the usual approximation of T (T^a - 1) / (a ln T), a = 1 / cos(2 theta) - 1,
    better than 1e-3 up to 20 degrees for T > 0.5.

    Raises
    ------
    GumtreeError
        BAD_TRANSMISSION unless 0 < T.
    """
    if not float(transmission.values) > 0:
        raise GumtreeError(
            "BAD_TRANSMISSION", f"The transmission is {float(transmission.values):g}; it must be above 0."
        )
    exponent = Dataset((1 + 1 / cosine) / 2, dims=("y", "x"))
    return np.exp(exponent * np.log(transmission))  # type: ignore[no-any-return]
