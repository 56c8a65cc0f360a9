"""One curve from several: the configurations of an instrument, which overlap in q."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gumtree_core.data import Axis, Dataset, concatenate
from gumtree_core.errors import GumtreeError
from gumtree_core.reduction.detector.geometry import Array

Combination = Literal["points", "inverse variance", "area"]

LEAST_OVERLAP = 3
"""Points that a scale factor needs."""
REMEMBERED = 65_536
"""Coefficients up to which a Dataset remembers what its errors have in common."""


def overlap_scale(
    curve: Dataset, reference: Dataset, lowest: float = 0.0, highest: float = np.inf
) -> Dataset:
    """The factor that brings a curve to the height of another where both were measured.

    s = sum(w r c) / sum(w c^2), the least-squares solution of s c = r, with c the curve, r the reference
    interpolated linearly at its points, and the weights w = 1 / (var r + var c) taken as exact. Its error is
    one source that all points of s c share; what curve and reference share cancels. Where the resolutions
    differ much, steep parts do not agree even after scaling: keep to a range without them.

    Parameters
    ----------
    curve, reference
        (q,), in the same kind of unit.
    lowest, highest
        Limits of q in 1/angstrom, within the overlap.

    Returns
    -------
    Dataset
        A scalar.

    Raises
    ------
    GumtreeError
        NO_OVERLAP unless there are at least three points in common; units that do not agree; BAD_SCALE where
        the factor is not above 0.
    """
    reference = points(reference)
    curve = points(curve).to(reference.unit)
    q = curve.axes["q"].values
    known = reference.axes["q"].values
    inside = (q >= max(lowest, known.min(initial=np.inf))) & (q <= min(highest, known.max(initial=-np.inf)))
    if np.count_nonzero(inside) < LEAST_OVERLAP:
        raise GumtreeError(
            "NO_OVERLAP",
            f"{curve.name} and {reference.name} have {np.count_nonzero(inside)} points in common where a "
            f"scale factor needs {LEAST_OVERLAP}. Widen their ranges of q, or trust the absolute scale.",
        )
    here = curve[inside]
    return matching_factor(here, reference.interpolate("q", here.axes["q"].values))


def matching_factor(curve: Dataset, reference: Dataset) -> Dataset:
    """The factor s = sum(w r c) / sum(w c^2) that brings a curve c to another, r, at the same points.

    Raises
    ------
    GumtreeError
        BAD_SCALE where the factor is not above 0.
    """
    weight = _inverse_variance(_variances(curve) + _variances(reference))
    factor: Dataset = (reference * curve * weight).sum() / (curve * curve * weight).sum()
    if not float(factor.values) > 0:
        raise GumtreeError(
            "BAD_SCALE",
            f"{curve.name} would have to be multiplied by {float(factor.values):g} to meet {reference.name}. "
            "Choose a range of q where both scatter.",
        )
    return factor


def merge(curves: Sequence[Dataset], combine: Combination = "points", bins: Axis | None = None) -> Dataset:
    """Put curves together.

    Parameters
    ----------
    curves
        (q,), in the same kind of unit, cut to where they are good. What they share (a sensitivity, a
        transmission) stays shared.
    combine
        ``"points"``: all points, sorted by q, twice as many where two curves overlap. ``"inverse variance"``,
        ``"area"``: averages over `bins`, weighted by 1 / variance of each point, or by the number of pixels
        behind it (`metadata["pixels"]`), which is unbiased however few the counts are. Weights are exact.
    bins
        Edges in q of the averages.

    Returns
    -------
    Dataset
        (q,). Its `metadata["dq"]`, where all curves have one, is the standard deviation of q of the mixture:
        sqrt(mean(dq^2 + q^2) - mean(q)^2), with the same weights.

    Raises
    ------
    GumtreeError
        NO_CURVE, NO_BINS; NO_WEIGHT where the weights are not known; units that do not agree.
    """
    usable = [points(curve) for curve in curves]
    if not usable or not all(curve.size for curve in usable):
        raise GumtreeError("NO_CURVE", "There is a curve without any point to merge. Widen its range of q.")
    joined = concatenate(usable, "q").sort("q")
    if combine == "points":
        return joined
    if bins is None:
        raise GumtreeError("NO_BINS", f"To combine by {combine}, give the bins.")
    return _averaged(joined, _weights(joined, combine), bins)


def points(curve: Dataset) -> Dataset:
    """The points of a curve that are not masked, at the centres of their bins, in rising q (1/angstrom)."""
    if curve.dims != ("q",) or "q" not in curve.axes:
        raise GumtreeError("NO_CURVE", f"{curve.name} is no curve over q: its dimensions are {curve.dims}.")
    axis = curve.axes["q"].to("1/angstrom")
    placed = curve.replace(axes={"q": Axis(axis.centers, "1/angstrom", ("q",))})
    kept = placed if placed.mask is None else placed[~placed.mask].replace(masks={})
    return kept.sort("q")


def correlated(curve: Dataset) -> Dataset:
    """A curve from a file with the errors that its `metadata["covariance"]` says, if it has one.

    The points become sums of independent sources, the eigenvectors of the matrix, so that averages and scale
    factors know how they are correlated.

    Raises
    ------
    GumtreeError
        BAD_COVARIANCE where the matrix has another size.
    """
    covariance = curve.metadata.get("covariance")
    if covariance is None:
        return curve
    covariance = np.asarray(covariance, dtype=np.float64)
    if covariance.shape != (curve.size, curve.size):
        raise GumtreeError(
            "BAD_COVARIANCE",
            f"The covariance of {curve.name} is of the shape {covariance.shape} for {curve.size} points.",
        )
    known = np.isfinite(np.diagonal(covariance))
    values, vectors = np.linalg.eigh(np.where(known & known[:, np.newaxis], covariance, 0.0))
    mixing = vectors * np.sqrt(np.maximum(values, 0.0))
    result = curve.without_errors()
    width = max(1, REMEMBERED // curve.size)
    for start in range(0, curve.size, width):
        part = Dataset(mixing[:, start : start + width], dims=("q", "source"))
        unknown = Dataset(np.zeros(part.shape[1]), np.ones(part.shape[1]), dims=("source",))
        result = result + (part @ unknown).replace(unit=curve.unit)
    metadata = {name: value for name, value in curve.metadata.items() if name != "covariance"}
    return result.replace(metadata=metadata, history=curve.history)


def _averaged(joined: Dataset, weights: Array, bins: Axis) -> Dataset:
    q, edges = joined.axes["q"].values, bins.to("1/angstrom").values
    number = edges.size - 1
    index = np.searchsorted(edges, q, side="right") - 1
    index[(q < edges[0]) | (q >= edges[-1])] = -1
    weight = Dataset(weights, dims=("q",), axes={"q": joined.axes["q"]})
    total = weight.bin_sum(index, number, "q", axis=bins)
    average: Dataset = (joined * weight).bin_sum(index, number, "q", axis=bins) / total
    metadata = {name: each for name, each in joined.metadata.items() if not _runs_along_q(each)}
    if isinstance(resolution := joined.metadata.get("dq"), Dataset):
        mixture = _mixture(q, resolution.to("1/angstrom").values, weights, index, number)
        metadata["dq"] = Dataset(mixture, dims=("q",), unit="1/angstrom")
    if isinstance(pixels := joined.metadata.get("pixels"), Dataset):
        inside = index >= 0
        summed = np.bincount(index[inside], pixels.values[inside], number)
        metadata["pixels"] = Dataset(summed, dims=("q",))
    return average.replace(metadata=metadata)


def _mixture(q: Array, dq: Array, weights: Array, index: np.ndarray, number: int) -> Array:
    """Standard deviation of q in each bin; NaN in an empty one."""
    inside = index >= 0

    def mean(values: Array) -> Array:
        total = np.bincount(index[inside], weights[inside], number)
        with np.errstate(invalid="ignore"):
            return np.bincount(index[inside], (weights * values)[inside], number) / total

    center = mean(q)
    spread = mean(np.where(inside, (q - center[index]) ** 2, 0.0))
    return np.asarray(np.sqrt(mean(dq**2) + spread))


def _weights(joined: Dataset, combine: Combination) -> Array:
    if combine == "inverse variance":
        if joined.variances is None or not (joined.variances > 0).all():
            raise GumtreeError(
                "NO_WEIGHT",
                f"{joined.name} has points without error, which have no inverse variance. Combine by area.",
            )
        return np.asarray(1 / joined.variances)
    pixels = joined.metadata.get("pixels")
    if not isinstance(pixels, Dataset):
        raise GumtreeError(
            "NO_WEIGHT",
            "The curves do not say how many pixels are behind each point. Combine by inverse variance.",
        )
    return np.asarray(pixels.values, dtype=np.float64)


def _runs_along_q(value: object) -> bool:
    return isinstance(value, Dataset) and "q" in value.dims


def _variances(curve: Dataset) -> Array:
    return np.zeros(curve.shape) if curve.variances is None else curve.variances


def _inverse_variance(variances: Array) -> Array:
    """Equal weights unless all errors are known."""
    return np.asarray(1 / variances) if (variances > 0).all() else np.ones_like(variances)
