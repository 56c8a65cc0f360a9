"""Curves of several angles as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gumtree_core.data import Dataset, concatenate
from gumtree_core.errors import GumtreeError

FEWEST = 2
"""Points that two curves need in common."""


def scale_onto(curve: Dataset, other: Dataset) -> Dataset:
    """The factor that lays a curve on another: the mean of other / curve where both are measured.

    The other one is interpolated in its logarithm. The mean is weighted by 1 / variance of the ratios, with
    the weights taken as exact; its error knows what the curves share, such as a direct beam.

    Parameters
    ----------
    curve, other
        (q,), growing, over points, with errors.

    Returns
    -------
    Dataset
        A number.

    Raises
    ------
    GumtreeError
        NO_OVERLAP with fewer than two good points in common.
    """
    there, here = _good(other), _good(curve)
    if there.size >= FEWEST:
        q, ends = here.axes["q"].values, there.axes["q"].values[[0, -1]]
        here = here[(q >= ends[0]) & (q <= ends[1])]
    if min(here.size, there.size) < FEWEST:
        raise GumtreeError(
            "NO_OVERLAP",
            f"Two neighbouring curves have {min(here.size, there.size)} good points in common, and stitching "
            f"needs {FEWEST}. Reduce a wider range of wavelengths, or do not stitch.",
        )
    logarithm: Any = np.log(_bare(there))
    ratio: Any = np.exp(logarithm.interpolate("q", here.axes["q"])) / _bare(here)
    return _weighted(ratio).replace(title="scale", metadata={}, axes={}, masks={})


def stitch(curves: Sequence[Dataset], scale: bool = True) -> tuple[Dataset, Dataset]:
    """Lay curves of growing angle on the first, and join all points in order of q.

    Parameters
    ----------
    curves
        (q,) each, as `reflectivity` makes them.
    scale
        False: they are joined as they are.

    Returns
    -------
    joined, factors
        (q,) with what runs along q in the metadata; and (angle,), what each was multiplied with. The points
        of one angle share the error of its factor.

    Raises
    ------
    GumtreeError
        NO_OVERLAP, NO_CURVE.
    """
    if not curves:
        raise GumtreeError("NO_CURVE", "There is no curve to stitch.")
    joined = curves[0]
    factors = [Dataset(1.0)]
    for curve in curves[1:]:
        factor = scale_onto(curve, joined) if scale else Dataset(1.0)
        joined = concatenate([joined, curve * factor], "q").sort("q")
        factors.append(factor)
    together = concatenate([each.expand_dims("angle") for each in factors], "angle")
    return joined, together.replace(title="scale factors")


def plateau(curve: Dataset, highest: float) -> Dataset:
    """The mean of a curve below a q in 1/angstrom, weighted by 1 / variance: 1 where all is reflected.

    Raises
    ------
    GumtreeError
        NO_OVERLAP where there are no good points.
    """
    good = _good(curve)
    below = _bare(good[good.axes["q"].values < highest])
    if not below.size:
        raise GumtreeError(
            "NO_OVERLAP", f"There are no good points below {highest:g} 1/angstrom; give a higher critical Q."
        )
    return _weighted(below)


def _good(curve: Dataset) -> Dataset:
    """The points above zero that are not masked and have an error."""
    good = np.isfinite(curve.values) & (curve.values > 0)
    if curve.mask is not None:
        good &= ~curve.mask
    if curve.variances is not None:
        good &= curve.variances > 0
    return curve[good]


def _weighted(curve: Dataset) -> Dataset:
    """The mean weighted by 1 / variance; plain where one is exact."""
    variances = curve.variances
    exact = variances is None or not np.all(variances > 0)
    weight = np.ones(curve.shape) if exact or variances is None else 1 / variances
    mean: Dataset = (curve * Dataset(weight, dims=("q",))).sum() / float(weight.sum())
    return mean


def _bare(curve: Dataset) -> Dataset:
    return curve.replace(masks={}, metadata={})
