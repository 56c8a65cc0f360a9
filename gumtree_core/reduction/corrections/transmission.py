"""Transmission from direct beams, and what it does at an angle."""

from __future__ import annotations

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Array, Geometry

DRIFT = 0.02
"""By how much a transmission may be above 1 where nothing scatters: what a monitor drifts."""


def beam_intensity(rate: Dataset, geometry: Geometry, radius: float) -> Dataset:
    """Sum of the rate within `radius` mm of the beam centre: a scalar, with the errors' correlations kept.

    Raises
    ------
    GumtreeError
        NO_BEAM where no pixel is that near.
    """
    inside = (geometry.radius <= radius).astype(np.intp) - 1
    if not (inside == 0).any():
        raise GumtreeError(
            "NO_BEAM",
            f"The detector has no pixel within {radius:g} mm of the beam centre "
            f"({geometry.center_x:.2f}, {geometry.center_y:.2f}) pixel; its pixels are 0 to "
            f"{geometry.shape[1] - 1} along x and 0 to {geometry.shape[0] - 1} along y.",
        )
    return rate.bin_sum(inside, 1, "beam")["beam", 0]


def transmission(
    through: Dataset, empty: Dataset, names: tuple[str, str] = ("the beam through it", "the empty beam")
) -> Dataset:
    """Ratio of two beam intensities.

    Parameters
    ----------
    names
        Of both, for messages.

    Raises
    ------
    GumtreeError
        NO_BEAM where the empty beam has no counts; BAD_TRANSMISSION above 1 by more than 2 % and five times
        its error.
    """
    if not float(empty.values) > 0:
        raise GumtreeError(
            "NO_BEAM",
            f"{names[1]} has no counts at the beam centre; was the beam stop or the shutter in?",
        )
    ratio: Dataset = through / empty
    value, error = float(ratio.values), 0.0 if ratio.errors is None else float(ratio.errors)
    if value > 1 + max(DRIFT, 5 * error):
        raise GumtreeError(
            "BAD_TRANSMISSION",
            f"{names[0]} has {value:.4g} +- {error:.2g} times the counts of {names[1]}, per monitor or time; "
            "a sample lets through 1 at most. Are the runs exchanged, or their attenuators different?",
        )
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
