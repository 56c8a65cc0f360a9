"""Weighted averages, spread, extremes, covariances, and NumPy's functions of these names."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import GumtreeError
from . import arithmetic, reductions
from .folding import DimensionSum, fold
from .reductions import Dims
from .selection import Array
from .uncertainty import Floats, Uncertainty

if TYPE_CHECKING:
    from .dataset import Dataset

FULL = 0.25
"""The part of a matrix that is not zero from which on it is no longer treated as sparse."""


def weighted_mean(ds: Dataset, dims: Dims = None, weights: Any = None) -> Dataset:
    """Average with weights: ``sum(w x) / sum(w)``.

    Parameters
    ----------
    ds, dims
        As for `reductions.total`.
    weights
        A Dataset, whose errors propagate, or an array; by default 1/variance, taken as exact numbers, which
        is the best estimate of independent measurements of one quantity. Of counts it is biased to small
        values.

    Raises
    ------
    GumtreeError
        ZERO_VARIANCE, NO_VARIANCES where 1/variance is no weight.
    """
    if weights is None:
        if ds.variances is None:
            raise GumtreeError(
                "NO_VARIANCES", f"{ds.name} has no errors to weigh by; give weights, or take the mean."
            )
        keep = reductions.kept(ds)
        bad = ds.variances == 0 if keep is None else (ds.variances == 0) & keep
        if bad.any():
            raise GumtreeError(
                "ZERO_VARIANCE",
                f"{int(bad.sum())} elements of {ds.name} have the variance 0, so that 1/variance is no"
                " weight; mask"
                " them, give weights, or choose a zero_count_variance.",
            )
        weights = 1.0 / np.where(ds.variances == 0, 1.0, ds.variances)
    product: Dataset = ds * weights
    # The weights count where the product does: in its dimensions and under its masks.
    ones = product.derive(values=np.ones(product.shape), unit="", uncertainty=Uncertainty())
    result: Dataset = reductions.total(product, dims) / reductions.total(ones * weights, dims)
    return result.replace(history=(*ds.history, f"weighted mean of {ds.name}"))


def std(ds: Dataset, dims: Dims = None, ddof: int = 0) -> Dataset:
    """Standard deviation of the values, with ``count - ddof`` in the denominator.

    Its error follows from ``d std / d x = (x - mean) / ((count - ddof) std)``.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION.
    """
    axes = reductions.axes_of(ds, dims)
    reduction = DimensionSum(ds.shape, axes, reductions.kept(ds))
    n = np.asarray(reductions.count(ds, axes), dtype=np.float64)
    with np.errstate(all="ignore"):
        spread_out = tuple(np.newaxis if axis in axes else slice(None) for axis in range(ds.ndim))
        centre = np.asarray(reduction.total(ds.values.astype(np.float64)) / n)
        offset = ds.values - centre[spread_out]
        variance = reduction.total(np.square(offset)) / (n - ddof)
        values = np.asarray(np.sqrt(np.where(n > ddof, variance, np.nan)))
        freedom = np.broadcast_to(n - ddof, values.shape)
        derivative = offset / (freedom * values)[spread_out]
        entry = f"std of {ds.name}"
        uncertainty = fold(ds.uncertainty.scaled(derivative), reduction, entry)
    result = reductions.reduced(ds, axes, entry, values=values, uncertainty=uncertainty)
    few = np.broadcast_to(n <= ddof, values.shape)
    return result.with_masks(**{arithmetic.UNDEFINED: few}) if few.any() else result


def extreme(ds: Dataset, dims: Dims, which: Literal["min", "max"]) -> Dataset:
    """Give the smallest or largest element and its error.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION; NO_ELEMENTS where there is none to choose.
    """
    axes = reductions.axes_of(ds, dims)
    if not prod(ds.shape[axis] for axis in axes):
        raise GumtreeError("NO_ELEMENTS", f"{ds.name} {ds.sizes} has no elements, so that it has no {which}.")
    kept_axes = [axis for axis in range(ds.ndim) if axis not in axes]
    keep = reductions.kept(ds)
    values = ds.values
    if keep is not None:
        values = np.where(keep, values.astype(np.float64), np.inf if which == "min" else -np.inf)

    def rows(array: Array) -> Array:
        moved = np.broadcast_to(array, ds.shape).transpose([*kept_axes, *axes])
        return moved.reshape(*moved.shape[: len(kept_axes)], -1)

    listed = rows(values)
    chosen = listed.argmin(axis=-1) if which == "min" else listed.argmax(axis=-1)
    positions = rows(np.arange(ds.size).reshape(ds.shape))
    flat = np.take_along_axis(positions, np.asarray(chosen)[..., np.newaxis], -1)[..., 0]
    result = np.asarray(ds.values.reshape(-1)[flat])
    if keep is not None:
        none = ~rows(keep).any(axis=-1)
        result = np.where(none, np.nan, result) if none.any() else result
    uncertainty = ds.uncertainty.picked(np.asarray(flat), ds.shape)
    return reductions.reduced(ds, axes, f"{which} of {ds.name}", values=result, uncertainty=uncertainty)


def covariance(ds: Dataset) -> Floats:
    """Give the covariance matrix of the elements, (size, size), in the unit squared.

    Elements are in C order. What a source shared by all contributes fills the matrix; independent errors the
    diagonal.

    Raises
    ------
    GumtreeError
        TOO_LARGE where the matrix would have more than 1e8 elements.
    """
    from scipy import sparse

    if ds.size > 10_000:
        raise GumtreeError(
            "TOO_LARGE", f"The covariance matrix of {ds.size} elements does not fit; select up to 10000."
        )
    result = np.zeros((ds.size, ds.size))
    families: dict[str, list[Any]] = {}
    for term in ds.uncertainty.terms:
        families.setdefault(term.source.base.id, []).append(term)
    for terms in families.values():
        base = terms[0].source.base
        jacobian = sparse.csr_array((ds.size, base.variances.size))
        for term in terms:
            index = np.broadcast_to(term.selection.index(ds.shape), ds.shape).reshape(-1)
            weights = np.broadcast_to(term.coefficient, ds.shape).reshape(-1)
            places = (np.arange(ds.size), index)
            direct = sparse.csr_array((weights, places), shape=(ds.size, term.source.variances.size))
            jacobian = jacobian + (direct if term.source is base else direct @ term.source.matrix)
        # Where all elements share a source, as by the mean of a flood, nothing is sparse.
        full = jacobian.nnz > FULL * ds.size * base.variances.size
        rows = jacobian.toarray() if full else jacobian
        product = (rows * base.variances) @ rows.T
        result += product if full else product.toarray()
    return result


def correlation(ds: Dataset) -> Floats:
    """Give the correlation matrix of the elements, (size, size); NaN where an element has no error."""
    matrix = covariance(ds)
    sigma = np.sqrt(np.diagonal(matrix))
    with np.errstate(all="ignore"):
        return np.asarray(matrix / np.outer(sigma, sigma))


def _over_axis(function: Callable[..., Dataset]) -> Callable[..., Dataset]:
    def call(ds: Dataset, axis: int | tuple[int, ...] | None = None, **options: Any) -> Dataset:
        if axis is None:
            return function(ds, None, **options)
        places = (axis,) if isinstance(axis, int) else axis
        bad = [place for place in places if not -ds.ndim <= place < ds.ndim]
        if bad:
            raise GumtreeError(
                "UNKNOWN_DIMENSION", f"{ds.name} has {ds.ndim} dimensions; axis {bad[0]} is none of them."
            )
        return function(ds, tuple(ds.dims[place] for place in places), **options)

    return call


def _join(parts: Any, axis: int = 0) -> Dataset:
    from .joining import concatenate

    return concatenate(parts, parts[0].dims[axis])


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _over_axis(reductions.total),
    np.mean: _over_axis(reductions.mean),
    np.std: _over_axis(std),
    np.min: _over_axis(lambda ds, dims: extreme(ds, dims, "min")),
    np.max: _over_axis(lambda ds, dims: extreme(ds, dims, "max")),
    np.transpose: lambda ds: ds.transpose(),
    np.concatenate: _join,
    np.shape: lambda ds: ds.shape,
    np.ndim: lambda ds: ds.ndim,
    np.size: lambda ds: ds.size,
}


def apply(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Carry out one of NumPy's functions.

    Raises
    ------
    GumtreeError
        UNSUPPORTED_FUNCTION.
    """
    ours = _FUNCTIONS.get(function)
    if ours is None:
        raise GumtreeError(
            "UNSUPPORTED_FUNCTION",
            f"numpy.{function.__name__} of a Dataset would lose its errors; apply it to .values if that is"
            " what you"
            " want.",
        )
    try:
        return ours(*args, **options)
    except TypeError as error:
        raise GumtreeError(
            "UNSUPPORTED_FUNCTION", f"numpy.{function.__name__} of a Dataset: {error}."
        ) from error
