"""Medians and quantiles; their errors are approximate, and a warning says so."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from gumtree_core.data.propagation.folding import DimensionSum, fold
from gumtree_core.data.propagation.restricting import restricted
from gumtree_core.data.propagation.selection import Array
from gumtree_core.data.propagation.uncertainty import warn_lost
from gumtree_core.data.reducing import reductions
from gumtree_core.data.reducing.reductions import Dims
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset

KERNEL = 0.545
"""Width of the kernel, in errors of an element: for equal elements with errors of a normal distribution it
gives the error of the median that theory gives, sqrt(pi / 2 n) sigma."""


def quantile(ds: Dataset, q: float, dims: Dims = None) -> Dataset:
    """Give the value below which a fraction of the elements lies, interpolated as `numpy.quantile` does.

    A quantile depends on the order of the elements, which errors change; its error is therefore approximate,
    with a `CorrelationWarning`. It is that of a weighted average, ``dq = sum w dx`` with ``w proportional to
    exp(-(x - q)^2 / 2 h^2)``, h = 0.545 times the root mean square of the errors: of the element at q alone
    where the elements differ by much more than their errors, and sqrt(pi / 2 n) sigma for n equal elements.
    What all elements share (a monitor) is exact.

    Parameters
    ----------
    q
        From 0 to 1; 0.5 is the median.
    dims
        One name or several; all by default. A masked element takes no part.

    Raises
    ------
    GumtreeError
        BAD_QUANTILE, UNKNOWN_DIMENSION, NO_ELEMENTS.
    """
    if np.ndim(q) or np.asarray(q).dtype.kind not in "iuf" or not 0 <= q <= 1:
        raise GumtreeError("BAD_QUANTILE", f"A quantile is one number from 0 to 1, not {q}.")
    axes = reductions.axes_of(ds, dims)
    if not prod(ds.shape[axis] for axis in axes):
        raise GumtreeError(
            "NO_ELEMENTS", f"{ds.name} {ds.sizes} has no elements, so that it has no quantile."
        )
    keep = reductions.kept(ds)
    entry = f"median of {ds.name}" if q == 0.5 else f"quantile {q:g} of {ds.name}"
    values = _quantile(ds, q, axes)
    uncertainty = ds.uncertainty
    if uncertainty:
        warn_lost(entry, "the order of the elements depends on their errors")
        reduction = DimensionSum(ds.shape, axes, keep)
        spread_out = tuple(np.newaxis if axis in axes else slice(None) for axis in range(ds.ndim))
        assert ds.variances is not None
        with np.errstate(all="ignore"):
            n = np.asarray(reductions.count(ds, axes), dtype=np.float64)
            width = KERNEL * np.sqrt(reduction.total(ds.variances) / n)
            distance = np.abs(ds.values - values[spread_out])
            distance = distance if keep is None else np.where(keep, distance, np.inf)
            # Measured from the nearest element, so that something is left where all are far away.
            nearest = np.min(distance, axis=axes, keepdims=True)
            exponent = (np.square(nearest) - np.square(distance)) / (2 * np.square(width[spread_out]))
            weights = np.where(distance == nearest, 1.0, np.exp(exponent))
            total = reduction.total(weights)
            weights = weights / np.where(total > 0, total, 1.0)[spread_out]
        uncertainty = fold(restricted(uncertainty, keep, ds.shape).scaled(weights), reduction, entry)
    return reductions.reduced(ds, axes, entry, values=values, uncertainty=uncertainty)


def _quantile(ds: Dataset, q: float, axes: tuple[int, ...]) -> Array:
    keep = reductions.kept(ds)
    order = [*(k for k in range(ds.ndim) if k not in axes), *axes]

    def rows(array: Array) -> Array:
        moved = array.transpose(order)
        return moved.reshape(*moved.shape[: ds.ndim - len(axes)], prod(ds.shape[k] for k in axes))

    values = rows(ds.values).astype(np.float64)
    missing = np.isnan(values)
    used = np.ones(values.shape, dtype=np.bool_) if keep is None else rows(keep)
    ordered = np.sort(np.where(used, values, np.inf), axis=-1)
    n = np.count_nonzero(used, axis=-1)[..., np.newaxis]
    position = q * np.maximum(n - 1, 0)
    low = np.floor(position).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(n - 1, 0))
    below, above = np.take_along_axis(ordered, low, -1), np.take_along_axis(ordered, high, -1)
    with np.errstate(all="ignore"):
        found = np.where(position == low, below, below + (above - below) * (position - low))[..., 0]
    return np.asarray(np.where((missing & used).any(axis=-1) | (n[..., 0] == 0), np.nan, found))
