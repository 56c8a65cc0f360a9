"""From tubes at many steps to one pattern over two-theta."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.powder.calibration import Floats
from gumtree_core.reduction.powder.tubes import two_theta

ClusterMode = Literal["mean", "sum"]

SAME = 1e-9
"""Part of a width that is taken as rounding."""


def stitch(tubes: Dataset) -> Dataset:
    """Put the tubes of all steps one behind the other, by their two-theta.

    Parameters
    ----------
    tubes
        (point, x) with an axis `two_theta`.

    Returns
    -------
    Dataset
        (two_theta,), deg, with as many points as there were tubes times steps; masked ones are left out.
    """
    axis = two_theta(tubes)
    angle = Axis(np.broadcast_to(axis.values, tubes.shape).copy(), axis.unit, tubes.dims)
    plain = tubes.replace(axes={"angle": angle}, metadata={})
    flat = plain.flatten(tubes.dims, "two_theta")
    if flat.mask is not None:
        flat = flat[~flat.mask].replace(masks={})
    ordered = flat.sort("angle")
    pattern = ordered.replace(
        axes={"two_theta": Axis(ordered.axes["angle"].values, axis.unit, ("two_theta",))}
    )
    return pattern.with_metadata(
        **{key: each for key, each in tubes.metadata.items() if key != "contributors"}
    )


def step(scan: Dataset) -> float:
    """The ideal step of a scan, deg: the whole way over the number of steps.

    Raises
    ------
    GumtreeError
        NO_TWO_THETA, NO_STEPS where there is one point, or the detector did not move.
    """
    angles = two_theta(scan)
    if "point" not in angles.dims or scan.sizes["point"] < 2:
        raise GumtreeError("NO_STEPS", f"{scan.name} has one step; say how wide a step of the pattern is.")
    along = angles.dims.index("point")
    way = np.take(angles.values, -1, along) - np.take(angles.values, 0, along)
    ideal = abs(float(np.median(way))) / (scan.sizes["point"] - 1)
    if not ideal > 0:
        raise GumtreeError(
            "NO_STEPS", f"The detector of {scan.name} did not move; say how wide a step of the pattern is."
        )
    return ideal


def cluster_starts(angles: Floats, width: float) -> NDArray[np.intp]:
    """Where clusters begin among sorted angles: each goes from its first angle up to `width`, exclusive."""
    if not width > 0:
        raise GumtreeError("BAD_RANGE", f"A cluster of {width:g} deg holds nothing; give more than 0.")
    ends = np.searchsorted(angles, angles + width * (1 - SAME), "left")
    starts, at = [], 0
    while at < angles.size:
        starts.append(at)
        at = max(int(ends[at]), at + 1)
    return np.array(starts, dtype=np.intp)


def cluster(pattern: Dataset, width: float, mode: ClusterMode = "mean") -> Dataset:
    """Make one point of those that lie within `width`: their average or sum, at their average angle.

    Parameters
    ----------
    pattern
        (two_theta,), sorted, of points; masked ones take no part.
    width
        deg; of a scan whose steps overlap 0.6 of the ideal step leaves each step and joins what measured it.
    mode
        ``"mean"`` has the variance sum V / n^2; ``"sum"`` adds up.

    Returns
    -------
    Dataset
        (two_theta,); `metadata["contributors"]` has the number of points behind each.

    Raises
    ------
    GumtreeError
        NO_CURVE, BAD_RANGE.
    """
    if pattern.dims != ("two_theta",) or len(pattern.axes["two_theta"].values) != pattern.size:
        raise GumtreeError("NO_CURVE", f"{pattern.name} is no curve of points over two_theta.")
    if pattern.mask is not None:
        pattern = pattern[~pattern.mask].replace(masks={})
    axis = pattern.axes["two_theta"]
    starts = cluster_starts(axis.values, width)
    number = np.diff([*starts, pattern.size])
    label = np.repeat(np.arange(starts.size), number)
    center = np.bincount(label, axis.values) / number
    summed = pattern.bin_sum(label, starts.size, "two_theta", Axis(center, axis.unit, ("two_theta",)))
    counted = Dataset(number, dims=("two_theta",))
    result = summed / counted if mode == "mean" else summed
    return result.with_metadata(contributors=counted)


def rescaled(pattern: Dataset, highest: float) -> Dataset:
    """Scale a pattern by an exact number, so that its highest point has this value.

    Raises
    ------
    GumtreeError
        NO_CURVE where nothing is above 0.
    """
    good = np.isfinite(pattern.values)
    if pattern.mask is not None:
        good &= ~pattern.mask
    top = float(np.max(pattern.values[good], initial=0.0))
    if not top > 0:
        raise GumtreeError("NO_CURVE", f"{pattern.name} has no point above 0 and cannot be scaled.")
    scaled: Dataset = pattern * (highest / top)
    return scaled
