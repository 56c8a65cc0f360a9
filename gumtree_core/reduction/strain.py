"""Residual strain from the shift of one diffraction peak, as on Kowari: a flat detector near 90 deg."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from gumtree_core.data import Axis, Dataset, scalar, stack
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.fitting import Fit, fit
from gumtree_core.reduction.powder.straightening import at_average_angle, binned_mean

Floats = NDArray[np.float64]


SIGNIFICANT = 5.0
"""Times its error that the area of a peak has to be: noise has places that look like peaks of less."""


def pixel_two_theta(x: npt.ArrayLike, y: npt.ArrayLike, distance: float, angle: float) -> Floats:
    """Two-theta of the pixels of a flat detector that is turned around the sample, deg.

        cos 2theta = (D cos s - x sin s) / sqrt(D^2 + x^2 + y^2)

    Parameters
    ----------
    x, y
        Of the pixels from where the line from the sample meets the detector at right angles, mm; x grows with
        two-theta.
    distance
        D, from the sample to that point, mm.
    angle
        s, two-theta of that point, deg.

    Returns
    -------
    Floats
        (y, x).

    Raises
    ------
    GumtreeError
        BAD_RANGE.
    """
    if not distance > 0:
        raise GumtreeError("BAD_RANGE", f"A detector at {distance:g} mm sees nothing; give more than 0.")
    across, up = np.meshgrid(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    s = np.radians(angle)
    cosine = (distance * np.cos(s) - across * np.sin(s)) / np.sqrt(distance**2 + across**2 + up**2)
    return np.asarray(np.degrees(np.arccos(cosine)))


def flat_field(flood: Dataset, rim: int) -> Dataset:
    """Efficiency of the pixels relative to their average: flood / mean; divide by it.

    Parameters
    ----------
    flood
        (y, x), or (point, y, x), which is summed; counts with errors.
    rim
        Pixels at each side that are masked, as detectors count badly at their rim.

    Raises
    ------
    GumtreeError
        BAD_FLOOD where nothing was counted within the rim.
    """
    image = flood.sum("point") if "point" in flood.dims else flood
    outside = np.ones(image.shape, dtype=bool)
    outside[rim : image.shape[0] - rim, rim : image.shape[1] - rim] = False
    blind = np.asarray(~(image.values > 0)) & ~outside
    if (outside | blind).all():
        raise GumtreeError(
            "BAD_FLOOD", f"{flood.name} has counted nothing more than {rim} pixels from its rim."
        )
    lit = image.replace(axes={}).with_masks(rim=outside, blind=blind)
    relative: Dataset = lit / lit.mean()
    return relative.replace(title="flat field")


def profile(frame: Dataset, two_theta: npt.ArrayLike, width: float) -> Dataset:
    """Integrate a frame along the Debye-Scherrer rings.

    Parameters
    ----------
    frame
        (y, x); masked pixels take no part.
    two_theta
        Of its pixels, deg.
    width
        Of a bin, deg.

    Returns
    -------
    Dataset
        (two_theta,): the average of the pixels of each bin, times the number of rows, at their average angle.
    """
    angle = np.asarray(two_theta, dtype=np.float64)
    if not width > 0:
        raise GumtreeError("BAD_RANGE", f"Bins of {width:g} deg hold nothing; give more than 0.")
    first, last = np.floor(angle.min() / width), np.floor(angle.max() / width) + 1
    edges = Axis(np.arange(first, last + 1) * width, "deg", ("two_theta",))
    summed: Dataset = at_average_angle(binned_mean(frame, angle, edges)) * frame.sizes["y"]
    return summed


def d_spacing(center: Dataset, wavelength: Dataset) -> Dataset:
    """Distance of the lattice planes by Bragg's law, d = lambda / (2 sin theta), in the unit of lambda.

    Parameters
    ----------
    center
        Two-theta of the peak, deg; a number, or one for each point.
    wavelength
        Its error is shared by all points, and by the reference if that has the same source.
    """
    d: Dataset = wavelength / (2 * np.sin(center / 2))
    return d


def strain(d: Dataset, reference: Dataset) -> Dataset:
    """Relative change of the distance of the lattice planes, d / d0 - 1; errors that both share cancel."""
    changed: Dataset = d / reference.to(d.unit) - 1
    return changed.replace(title="strain")


@dataclass(frozen=True)
class Peaks:
    """The peak at each point of a scan.

    Attributes
    ----------
    center, fwhm, area
        (point,), deg, deg, and as the profile times deg; points without a peak that can be fitted are masked
        under `no_fit`.
    fits
        The fit of each point, None where there is none.
    reasons
        Why there is none, by point.
    """

    center: Dataset
    fwhm: Dataset
    area: Dataset
    fits: tuple[Fit | None, ...]
    reasons: dict[int, str]


def fit_peaks(
    profiles: Callable[[int], Dataset], points: int, model: str, lowest: float, highest: float
) -> Peaks:
    """Fit one peak at each point of a scan.

    Parameters
    ----------
    profiles
        Gives the profile of a point, (two_theta,).
    points
        How many there are.
    model
        A peak and its background, as of `fitting.fit`: ``"gaussian + linear"``.
    lowest, highest
        The range of two-theta that is fitted, deg.

    Raises
    ------
    GumtreeError
        NO_PEAK where no point can be fitted, BAD_RANGE where the range ends before it begins.
    """
    if not lowest < highest:
        raise GumtreeError(
            "BAD_RANGE", f"There is no peak from {lowest:g} to {highest:g} deg; give the lower angle first."
        )
    fits: list[Fit | None] = []
    reasons: dict[int, str] = {}
    for point in range(points):
        try:
            curve = profiles(point)
            found = fit(_part(curve, lowest, highest), model)
            reason = _no_peak(found, lowest, highest)
        except GumtreeError as error:
            reason = error.message
        fits.append(None if reason else found)
        if reason:
            reasons[point] = reason
    if not any(fits):
        raise GumtreeError(
            "NO_PEAK",
            f"None of {points} points has a peak from {lowest:g} to {highest:g} deg. {reasons[0]}",
        )
    return Peaks(_column(fits, "center"), _column(fits, "fwhm"), _column(fits, "area"), tuple(fits), reasons)


def _part(curve: Dataset, lowest: float, highest: float) -> Dataset:
    part = curve["two_theta", lowest:highest]
    if not part.size:
        seen = curve.axes["two_theta"].values
        raise GumtreeError("NO_PEAK", f"The detector sees {seen.min():.4g} to {seen.max():.4g} deg.")
    return part


def _no_peak(found: Fit, lowest: float, highest: float) -> str:
    """Why what has been fitted is no peak; empty if it is one."""
    center, area = float(found["center"].values), found["area"]
    if not lowest <= center < highest:
        return f"the peak would lie at {center:g} deg"
    error = 0.0 if area.errors is None else float(area.errors)
    if not (error > 0 and float(area.values) > SIGNIFICANT * error):
        return f"its area of {float(area.values):.3g} +- {error:.2g} is no peak but noise"
    return ""


def _column(fits: list[Fit | None], name: str) -> Dataset:
    unit = next(each[name].unit for each in fits if each)
    values = [each[name] if each else scalar(np.nan, unit=unit) for each in fits]
    missing = np.array([each is None for each in fits])
    column = stack(values, "point").replace(title=name)
    return column.with_masks(no_fit=missing) if missing.any() else column


def strain_map(values: Dataset, x: Dataset, y: Dataset) -> Dataset:
    """Put the points of a scan on the grid of their positions.

    Parameters
    ----------
    values
        (point,).
    x, y
        Positions, (point,); those that agree to 1e-3 of the whole range are one column or row.

    Returns
    -------
    Dataset
        (y, x) with axes; places that were not measured, or twice, are masked under `not_measured`: which of
        two would be shown is nobody's guess.

    Raises
    ------
    GumtreeError
        NO_MAP where the positions are fewer than two in a direction.
    """
    columns, rows = _places(x), _places(y)
    if columns[0].size < 2 or rows[0].size < 2:
        raise GumtreeError(
            "NO_MAP",
            f"{rows[0].size} rows and {columns[0].size} columns of points are no map; choose the two motors "
            "that were scanned.",
        )
    shape = (rows[0].size, columns[0].size)
    place = rows[1] * shape[1] + columns[1]
    hits = np.bincount(place, minlength=shape[0] * shape[1])
    index = np.full(hits.size, 0)
    index[place] = np.arange(place.size)
    grid = values.replace(axes={}, metadata={})[index].reshape({"y": shape[0], "x": shape[1]}, "point")
    grid = grid.replace(axes={"y": Axis(rows[0], y.unit, ("y",)), "x": Axis(columns[0], x.unit, ("x",))})
    missing = (hits != 1).reshape(shape)
    return grid.with_masks(not_measured=missing) if missing.any() else grid


def _places(position: Dataset) -> tuple[Floats, NDArray[np.intp]]:
    values = np.asarray(position.values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    tolerance = 1e-3 * max(float(np.ptp(values)), 1e-12)
    group = np.concatenate([[0], np.cumsum(np.diff(values[order]) > tolerance)])
    index = np.empty(values.size, dtype=np.intp)
    index[order] = group
    return np.bincount(index, values) / np.bincount(index), index
