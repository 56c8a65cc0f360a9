"""Debye-Scherrer cones, which upright tubes see curved, summed along their curves."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import numpy.typing as npt

from gumtree_core.data import Axis, CorrelationWarning, Dataset, concatenate
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.powder.calibration import Floats
from gumtree_core.reduction.powder.tubes import two_theta

Sharing = Literal["nearest", "shared"]
MOST_BINS = 100_000
"""More than any detector resolves; so many come from a step in the wrong unit."""


def true_angle(angle: npt.ArrayLike, height: npt.ArrayLike, radius: float) -> Floats:
    """Two-theta of pixels of an upright tube, deg.

    A tube at the angle 2theta in the plane and at the radius R around the sample sees, at the height z,

        cos 2theta' = R cos 2theta / sqrt(R^2 + z^2),

    the angle between the beam and the line from sample to pixel.

    Parameters
    ----------
    angle
        Of the tube, deg.
    height
        Above the plane, in the unit of `radius`.
    radius
        From sample to tubes.
    """
    tilt = radius / np.hypot(radius, np.asarray(height, dtype=np.float64))
    return np.asarray(np.degrees(np.arccos(np.cos(np.radians(angle)) * tilt)))


def bins(lowest: float, highest: float, width: float) -> Axis:
    """Bins of two-theta whose middles go from `lowest` to about `highest`, deg.

    Raises
    ------
    GumtreeError
        BAD_RANGE.
    """
    if not (width > 0 and highest > lowest):
        raise GumtreeError(
            "BAD_RANGE", f"From {lowest:g} to {highest:g} deg in steps of {width:g} deg there are no bins."
        )
    number = round((highest - lowest) / width) + 1
    if number > MOST_BINS:
        raise GumtreeError(
            "BAD_RANGE",
            f"From {lowest:g} to {highest:g} deg there are {number} steps of {width:g} deg, and at most "
            f"{MOST_BINS} are useful; give a wider step.",
        )
    return Axis(lowest + width * (np.arange(number + 1) - 0.5), "deg", ("two_theta",))


def straightened_sum(scan: Dataset, radius: float, edges: Axis, sharing: Sharing = "nearest") -> Dataset:
    """Sum all pixels at their true two-theta, as if all rows of a tube had seen each angle.

    Stitches, straightens and sums in one step. A bin has the average of what is in it, times the number of
    rows.

    Parameters
    ----------
    scan
        (point, y, x) with axes `two_theta` (point, x), deg, and `y`, height above the plane, mm.
    radius
        From sample to tubes, mm.
    edges, sharing
        As of `binned_mean`.

    Returns
    -------
    Dataset
        As `binned_mean`, times the number of rows; of ``"nearest"``, at the average angles of the bins.

    Raises
    ------
    GumtreeError
        NO_TWO_THETA; NO_HEIGHT where the axis `y` is no length; BAD_RANGE where a pixel is higher than the
        tubes are far.
    """
    axis = two_theta(scan)
    height = scan.axes.get("y")
    if height is None or height.dims != ("y",) or not _is_length(height):
        raise GumtreeError(
            "NO_HEIGHT", f"{scan.name} does not know the height of its pixels; the file has to say it in mm."
        )
    if not radius > 0:
        raise GumtreeError("BAD_RANGE", f"The radius of {radius:g} mm is not above 0.")
    z = Dataset(height.centers, unit=height.unit, dims=("y",)).to("mm").values
    if np.max(np.abs(z), initial=0.0) > radius:
        raise GumtreeError(
            "BAD_RANGE",
            f"The pixels of {scan.name} reach up to {np.max(np.abs(z)):g} mm, which no detector at a radius "
            f"of {radius:g} mm does; give the radius in mm.",
        )
    # (point, y, x): the angles of the tubes do not depend on y, nor the heights on the others.
    of_tubes = np.expand_dims(axis.values, axis.dims.index("x"))
    true = true_angle(of_tubes, z[:, np.newaxis], radius)
    mean = binned_mean(scan, np.broadcast_to(true, scan.shape), edges, sharing)
    if sharing == "nearest":
        mean = at_average_angle(mean)
    summed: Dataset = mean * scan.sizes["y"]
    return summed


def at_average_angle(mean: Dataset) -> Dataset:
    """Points at the average angle of what is in each bin of `binned_mean`, not at the bin's middle.

    Where a few columns of pixels are in a bin, the two differ by up to half a bin.
    """
    angle = mean.metadata["angle"]
    return mean.replace(axes={"two_theta": Axis(angle.values, angle.unit, ("two_theta",))})


def _is_length(axis: Axis) -> bool:
    try:
        Dataset(0.0, unit=axis.unit).to("mm")
    except GumtreeError:
        return False
    return True


def binned_mean(data: Dataset, angle: npt.ArrayLike, edges: Axis, sharing: Sharing = "nearest") -> Dataset:
    """Average over bins of an angle.

    Parameters
    ----------
    data
        Any dimensions; masked elements take no part.
    angle
        Of each element, in the shape of `data` and the unit of `edges`.
    edges
        Bins of one width.
    sharing
        ``"nearest"``: an element goes into the bin that holds its angle; the errors of counts stay
        independent, as programs for refinement take them. ``"shared"``: it is shared by the two bins on whose
        middles it lies nearest, 1 - f and f, with f the distance from the lower middle in bins. Counts are
        conserved, and neighbours are correlated.

    Returns
    -------
    Dataset
        (two_theta,); bins that got nothing are masked. `metadata["contributors"]` has the number of elements
        in each, `metadata["angle"]` their average angle, `metadata["total"]` their sum. The errors are exact.
        Of more than 65536 elements the covariance of the bins, through sharing or a common calibration, is
        not kept.

    Raises
    ------
    GumtreeError
        UNEQUAL_BINS.
    """
    width = float(edges.values[1] - edges.values[0])
    if not np.allclose(np.diff(edges.values), width, rtol=1e-6):
        raise GumtreeError("UNEQUAL_BINS", "Pixels are put into bins of one width; these are not.")
    number = len(edges.values) - 1
    place = (np.asarray(angle, dtype=np.float64) - edges.values[0]) / width
    if sharing == "nearest":
        index, shares = np.floor(place)[np.newaxis], np.ones((1, *data.shape))
    else:
        lower = np.floor(place - 0.5)
        index, shares = np.stack([lower, lower + 1]), np.stack([lower + 1.5 - place, place - 0.5 - lower])
    outside = ~((index >= 0) & (index < number))
    index = np.where(outside, -1, index).astype(np.intp)
    plain = data.replace(axes={}, metadata={})
    parts = plain.expand_dims("share")
    if sharing == "shared":
        parts = concatenate(
            [(plain * Dataset(share, dims=data.dims)).expand_dims("share") for share in shares], "share"
        )
    taken = np.ones(data.shape) if data.mask is None else np.asarray(~data.mask, dtype=np.float64)
    weights = (shares * taken).ravel()
    count, moment = (
        np.bincount((index + 1).ravel(), each, number + 1)[1:]
        for each in (weights, weights * np.broadcast_to(angle, shares.shape).ravel())
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorrelationWarning)
        total: Dataset = parts.bin_sum(index, number, "two_theta", edges)
    contributors = Dataset(count, dims=("two_theta",))
    middles = (edges.values[:-1] + edges.values[1:]) / 2
    center = np.divide(moment, count, out=middles, where=count > 0)
    measured = Dataset(center, dims=("two_theta",), unit=edges.unit)
    mean: Dataset = total / contributors.with_masks(empty=count == 0)
    return mean.with_metadata(
        **{**data.metadata, "contributors": contributors, "angle": measured, "total": total}
    )
