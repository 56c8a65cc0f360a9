"""Weighted averages, spread, extremes and covariances."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gumtree_core.data import units
from gumtree_core.data.mathematics import arithmetic
from gumtree_core.data.propagation.folding import DimensionSum, fold
from gumtree_core.data.propagation.selection import Array, Shape
from gumtree_core.data.propagation.uncertainty import Floats, Term, Uncertainty
from gumtree_core.data.reducing import reductions
from gumtree_core.data.reducing.reductions import Dims
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset

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
    product: Dataset = ds.derive(unit="") * weights
    # The weights count where the product does: in its dimensions and under its masks.
    ones = product.derive(values=np.ones(product.shape), unit="", uncertainty=Uncertainty())
    result: Dataset = reductions.total(product, dims) / reductions.total(ones * weights, dims)
    return result.derive(unit=ds.unit, history=(*ds.history, f"weighted mean of {ds.name}"))


def std(ds: Dataset, dims: Dims = None, ddof: int = 0) -> Dataset:
    """Standard deviation of the values, with ``count - ddof`` in the denominator.

    Its error follows from ``d std / d x = (x - mean) / ((count - ddof) std)``.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION.
    """
    return _spread(ds, dims, ddof, "std")


def var(ds: Dataset, dims: Dims = None, ddof: int = 0) -> Dataset:
    """Variance of the values, the square of `std`; ``d var / d x = 2 (x - mean) / (count - ddof)``.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION.
    """
    return _spread(ds, dims, ddof, "var")


def _spread(ds: Dataset, dims: Dims, ddof: int, which: Literal["std", "var"]) -> Dataset:
    axes = reductions.axes_of(ds, dims)
    keep = reductions.kept(ds)
    reduction = DimensionSum(ds.shape, axes, keep)
    n = np.asarray(reductions.count(ds, axes), dtype=np.float64)
    with np.errstate(all="ignore"):
        spread_out = tuple(np.newaxis if axis in axes else slice(None) for axis in range(ds.ndim))
        centre = np.asarray(reduction.total(ds.values.astype(np.float64)) / n)
        offset = ds.values - centre[spread_out]
        variance = reduction.total(np.square(offset)) / (n - ddof)
        values = np.asarray(np.where(n > ddof, variance, np.nan))
        freedom = np.broadcast_to(n - ddof, values.shape)
        if which == "std":
            values = np.sqrt(values)
            result = np.broadcast_to(values[spread_out], ds.shape)
            derivative = arithmetic.slope(offset / (freedom * values)[spread_out], ds.uncertainty, result)
        else:
            derivative = 2 * offset / freedom[spread_out]
        entry = f"{which} of {ds.name}"
        uncertainty = fold(ds.uncertainty.scaled(derivative), reduction, entry)
    reduced = reductions.reduced(ds, axes, entry, values=values, uncertainty=uncertainty)
    reduced = reduced.derive(unit=units.power(units.difference(ds.unit), 1.0 if which == "std" else 2.0))
    few = np.broadcast_to(n <= ddof, values.shape)
    return reduced.with_masks(**{arithmetic.UNDEFINED: few}) if few.any() else reduced


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
    if ds.size > 10_000:
        raise GumtreeError(
            "TOO_LARGE", f"The covariance matrix of {ds.size} elements does not fit; select up to 10000."
        )
    result = np.zeros((ds.size, ds.size))
    if not ds.size:
        return result
    families: dict[str, list[Any]] = {}
    for term in ds.uncertainty.terms:
        families.setdefault(term.source.base.id, []).append(term)
    for terms in families.values():
        with np.errstate(all="ignore"):  # where there is no number, its derivatives are none
            if len(terms) == 1 and _added_alone(terms[0], ds.shape, result):
                continue
        from scipy import sparse

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


def _added_alone(term: Term, shape: Shape, result: Floats) -> bool:
    """Add what one term gives, where that is a diagonal or an outer product; False where it is not."""
    source, selection = term.source, term.selection
    if selection.is_constant:
        weights = np.broadcast_to(term.coefficient, shape).reshape(-1)
        result += source.variances[selection.offset] * np.outer(weights, weights)
        return True
    if source.correlated or selection.repeats(shape):
        return False
    weights = np.broadcast_to(term.coefficient, shape).reshape(-1)
    variances = np.broadcast_to(selection.of(source.variances, shape), shape).reshape(-1)
    result[np.diag_indices(len(result))] += np.square(weights) * variances
    return True


def correlation(ds: Dataset) -> Floats:
    """Give the correlation matrix of the elements, (size, size); NaN where an element has no error."""
    matrix = covariance(ds)
    sigma = np.sqrt(np.diagonal(matrix))
    with np.errstate(all="ignore"):
        return np.asarray(matrix / np.outer(sigma, sigma))
