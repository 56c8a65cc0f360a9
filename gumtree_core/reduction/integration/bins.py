"""Edges of bins of q and of angles."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from gumtree_core.data import Axis
from gumtree_core.errors import GumtreeError

Spacing = Literal["linear", "logarithmic"]


def q_bins(lowest: float, highest: float, number: int, spacing: Spacing = "linear") -> Axis:
    """Edges of `number` bins from `lowest` to `highest`, in 1/angstrom.

    Raises
    ------
    GumtreeError
        BAD_BINS unless 0 <= lowest < highest (0 < for logarithmic ones) and there is at least one bin.
    """
    if not (0 <= lowest < highest < np.inf and number >= 1 and (spacing == "linear" or lowest > 0)):
        raise GumtreeError(
            "BAD_BINS",
            f"There are no {number} {spacing} bins from {lowest:g} to {highest:g} 1/angstrom; the lowest q "
            "must be below the highest, and above 0 for logarithmic bins.",
        )
    edges = (
        np.linspace(lowest, highest, number + 1)
        if spacing == "linear"
        else np.geomspace(lowest, highest, number + 1)
    )
    return Axis(edges, unit="1/angstrom", dims=("q",))


def phi_bins(lowest: float, highest: float, number: int) -> Axis:
    """Edges of `number` equal bins of the azimuth from `lowest` to `highest`, in deg; 360 at most.

    Raises
    ------
    GumtreeError
        BAD_BINS.
    """
    if not (lowest < highest <= lowest + 360 and number >= 1):
        raise GumtreeError(
            "BAD_BINS",
            f"There are no {number} bins of the azimuth from {lowest:g} to {highest:g} deg; give a lowest "
            "angle below the highest, at most 360 deg apart.",
        )
    return Axis(np.linspace(lowest, highest, number + 1), unit="deg", dims=("phi",))


def free_bins(edges: npt.ArrayLike, dim: str = "q", unit: str = "1/angstrom") -> Axis:
    """Bins with edges of one's own, that rise; of q (which may be negative along a line) or another axis.

    Raises
    ------
    GumtreeError
        BAD_BINS.
    """
    array = np.asarray(edges, dtype=np.float64)
    if array.ndim != 1 or array.size < 2 or not (np.isfinite(array).all() and (np.diff(array) > 0).all()):
        raise GumtreeError(
            "BAD_BINS", f"The edges of the bins of {dim} are to be two or more finite numbers that rise."
        )
    return Axis(array, unit=unit, dims=(dim,))
