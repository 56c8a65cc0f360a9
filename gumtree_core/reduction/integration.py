"""From the detector to a curve: averages over rings of constant q."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.geometry import Array

Weighting = Literal["area", "inverse variance"]
Spacing = Literal["linear", "logarithmic"]


def q_bins(lowest: float, highest: float, number: int, spacing: Spacing = "linear") -> Axis:
    """Edges of `number` bins from `lowest` to `highest`, in 1/angstrom.

    Raises
    ------
    GumtreeError
        BAD_BINS unless 0 <= lowest < highest (0 < for logarithmic ones) and there is at least one bin.
    """
    if not (0 <= lowest < highest and number >= 1 and (spacing == "linear" or lowest > 0)):
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


def circular(pattern: Dataset, q: Array, bins: Axis, weighting: Weighting = "area") -> Dataset:
    """Average over the pixels whose centres lie in each bin.

    Parameters
    ----------
    pattern
        (y, x).
    q
        Of each pixel, (y, x), in 1/angstrom.
    bins
        Edges, as `q_bins` makes them.
    weighting
        ``"area"``: all pixels alike, which is unbiased however few the counts are. ``"inverse variance"``:
        by 1 / variance of the pixel, usual in older programs; it pulls the average down where counts are few.
        The weights are taken as exact.

    Returns
    -------
    Dataset
        (q,), masked where a bin has no pixel. Errors of neighbours are correlated where sources are shared.
    """
    edges = bins.values
    index = np.searchsorted(edges, q, side="right") - 1
    index[(q < edges[0]) | (q >= edges[-1])] = -1
    if weighting == "area" or pattern.variances is None:
        weights = np.ones(pattern.shape)
    else:
        with np.errstate(divide="ignore"):
            weights = 1 / pattern.variances
    unusable = ~np.isfinite(weights) | ~np.isfinite(pattern.values)
    if unusable.any():
        pattern = pattern.with_masks(unusable=unusable)
        weights = np.where(unusable, 0.0, weights)
    weight = Dataset(weights, dims=pattern.dims, masks=dict(pattern.masks))
    number = len(edges) - 1
    summed = (pattern * weight).bin_sum(index, number, "q", axis=bins)
    average: Dataset = summed / weight.bin_sum(index, number, "q", axis=bins)
    return average
