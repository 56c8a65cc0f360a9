"""Peaks of a curve that stand out of its noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.statistics.propagation import folded

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Peak:
    """A peak that was found; its area and width are for starting a fit.

    Attributes
    ----------
    index
        Of the nearest point.
    position
        Where the filtered curve is highest, between points, with its error.
    height
        Of the curve's point above its surroundings as the filter sees them.
    significance
        Height of the filtered curve over its standard deviation.
    """

    index: int
    position: Dataset
    height: Dataset
    significance: float


def find_peaks(
    curve: Dataset, *, width: float, significance: float = 5.0, axis: str | None = None
) -> tuple[Peak, ...]:
    """Find peaks of about a known width.

    The curve is filtered with the negative second derivative of a Gaussian of that width: a background that
    is constant or a straight line gives 0, and the noise of the result is known from the errors of the points
    (Mariscotti, Nucl. Instrum. Meth. 50 (1967) 309). A peak is a maximum of more than `significance` times
    that noise; noise alone gives one of 5 in 3.5 million independent points. Maxima nearer to each other than
    the width are one. Masked points take no part; a peak must have points on both sides.

    Parameters
    ----------
    curve
        One dimension, evenly spaced, with errors. Points of 0 counts need a variance: take
        ``poisson(counts, 1)``.
    width
        Full width at half maximum of the peaks, in the unit of the axis (in points without one).
    significance
        In standard deviations.

    Returns
    -------
    tuple of Peak
        In order of the axis.

    Raises
    ------
    GumtreeError
        NOT_A_CURVE, NO_VARIANCES, ZERO_VARIANCE, UNEVEN_POINTS, BAD_WIDTH.
    """
    from scipy.signal import find_peaks as maxima

    x, unit = _coordinates(curve, axis)
    step = _step(curve, x)
    kernel = _kernel(width / abs(step), len(x))
    y = np.asarray(curve.values, dtype=np.float64)
    used = np.isfinite(y) if curve.mask is None else np.isfinite(y) & ~curve.mask
    variances = _variances(curve, used)
    # Where points are missing the kernel no longer adds up to 0, and what is left of it is made to.
    weight = _correlate(used.astype(np.float64), np.abs(kernel))
    total, lost = np.where(used, y, 0.0), _correlate(used.astype(np.float64), kernel)
    whole = (np.abs(lost) < 1e-9 * np.abs(kernel).sum()) & used & (weight > 0)
    filtered = _correlate(total, kernel)
    noise = np.sqrt(_correlate(np.where(used, variances, 0.0), np.square(kernel)))
    with np.errstate(divide="ignore", invalid="ignore"):
        stands_out = np.where(whole & (noise > 0), filtered / noise, 0.0)
    found, _ = maxima(stands_out, height=significance, distance=max(1, round(width / abs(step))))
    data = curve.with_masks(unused=~used) if not used.all() else curve
    return tuple(_peak(data, x, unit, filtered, kernel, int(k), float(stands_out[k])) for k in found)


def _peak(
    curve: Dataset, x: Array, unit: str, filtered: Array, kernel: Array, k: int, significance: float
) -> Peak:
    """The top of the parabola through three points of the filtered curve, and its error."""
    left, middle, right = filtered[k - 1 : k + 2]
    bend = left - 2 * middle + right
    offset = 0.5 * (left - right) / bend if bend < 0 else 0.0
    # d offset / d left, middle, right
    slopes = np.array([0.5 - offset, 2 * offset, -0.5 - offset]) / bend if bend < 0 else np.zeros(3)
    half = len(kernel) // 2
    weights, around = np.zeros(curve.size + 2 * half), np.zeros(curve.size + 2 * half)
    for shift, slope in zip((-1, 0, 1), slopes, strict=True):
        weights[k + shift : k + shift + len(kernel)] += slope * kernel
    around[k : k + len(kernel)] = kernel / kernel[half] * _gain(kernel)
    inside = slice(half, half + curve.size)
    step = x[1] - x[0]
    position = folded(curve, weights[inside] * step, x[k] + offset * step, unit, curve.dims)
    height = folded(curve, around[inside], filtered[k] / kernel[half] * _gain(kernel), curve.unit, curve.dims)
    return Peak(k, position.replace(title="position"), height.replace(title="height"), significance)


def _gain(kernel: Array) -> float:
    """From the filtered top of a Gaussian of the filter's width to its height."""
    half = len(kernel) // 2
    sigma = half / 5
    gauss = np.exp(-np.square(np.arange(-half, half + 1) / sigma) / 2)
    return float(kernel[half] / (kernel @ gauss))


def _kernel(points: float, length: int) -> Array:
    """Negative second derivative of a Gaussian to 5 sigma, adding up to 0, as is its first moment."""
    half = max(3, round(5 * points / 2.3548))
    if not points >= 1 or 2 * half + 1 > length:
        raise GumtreeError(
            "BAD_WIDTH",
            f"Peaks as wide as {points:.3g} points cannot be found among {length}: it takes 1 and up to "
            f"{length / 4.5:.0f} points.",
        )
    u = np.arange(-half, half + 1) / (half / 5)
    gauss = np.exp(-np.square(u) / 2)
    kernel = (1 - np.square(u)) * gauss
    return np.asarray(kernel - gauss * kernel.sum() / gauss.sum())


def _correlate(values: Array, kernel: Array) -> Array:
    return np.asarray(np.convolve(values, kernel, mode="same"))


def _variances(curve: Dataset, used: NDArray[np.bool_]) -> Array:
    if curve.variances is None:
        raise GumtreeError(
            "NO_VARIANCES", f"{curve.name} has no errors, so that no peak is known to stand out."
        )
    variances = np.asarray(curve.variances)
    if (variances[used] == 0).any():
        raise GumtreeError(
            "ZERO_VARIANCE",
            f"{int((variances[used] == 0).sum())} points of {curve.name} have the error 0; take "
            "poisson(counts, 1), or mask them.",
        )
    return variances


def _coordinates(curve: Dataset, axis: str | None) -> tuple[Array, str]:
    if curve.ndim != 1:
        raise GumtreeError("NOT_A_CURVE", f"{curve.name} has the dimensions {curve.sizes}, not one.")
    name = axis or curve.dims[0]
    if name not in curve.axes:
        if axis is not None:
            raise GumtreeError("NOT_A_CURVE", f"{curve.name} has no axis {axis}; it has {list(curve.axes)}.")
        return np.arange(curve.size, dtype=np.float64), "pixel"
    found = curve.axes[name]
    return np.asarray(found.centers, dtype=np.float64), found.unit


def _step(curve: Dataset, x: Array) -> float:
    steps = np.diff(x)
    if not steps.size or not np.allclose(steps, steps.mean(), rtol=0.05, atol=0) or not steps.mean():
        raise GumtreeError(
            "UNEVEN_POINTS", f"The points of {curve.name} are not evenly spaced; rebin it to even bins first."
        )
    return float(steps.mean())
