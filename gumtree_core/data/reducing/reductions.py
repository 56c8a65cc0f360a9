"""Sums and averages over dimensions, and into bins.

The rule of all reductions: a masked element takes no part. NaN that is not masked stays NaN, so that nothing
gets lost without a mask that says so. Where all elements were masked the result is masked too, under the name
of the mask that did it, or `EMPTY` where several did, or where nothing fell into a bin; the sum is 0 there
and the average NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import units
from gumtree_core.data.axis import place
from gumtree_core.data.checks import is_dataset
from gumtree_core.data.propagation.folding import BinSum, DimensionSum, fold
from gumtree_core.data.propagation.selection import Array, Shape
from gumtree_core.data.propagation.uncertainty import Uncertainty
from gumtree_core.data.shaping import indexing
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset

EMPTY = "empty"
"""The mask of results that no element took part in."""

Dims = str | Sequence[str] | None


def axes_of(ds: Dataset, dims: Dims) -> tuple[int, ...]:
    """Give the places of the dimensions to reduce, all by default."""
    names = ds.dims if dims is None else (dims,) if isinstance(dims, str | int) else tuple(dims)
    return tuple(sorted({indexing.position(ds, name) for name in names}))


def kept(ds: Dataset) -> NDArray[np.bool_] | None:
    """Give True where no mask is, in the shape of the data; None where nothing is masked."""
    mask = ds.mask
    if mask is None or not mask.any():
        return None
    return ~mask


def reduced(
    ds: Dataset, axes: tuple[int, ...], entry: str, *, values: Array, uncertainty: Uncertainty
) -> Dataset:
    """Describe the result of a reduction over `axes`: what does not run along them stays."""
    gone = {ds.dims[axis] for axis in axes}
    left = tuple(name for name in ds.dims if name not in gone)
    return ds.derive(
        values=np.asarray(values),
        dims=left,
        uncertainty=uncertainty,
        axes={name: axis for name, axis in ds.axes.items() if gone.isdisjoint(axis.dims or ())},
        masks=covering_masks(ds, axes),
        history=(*ds.history, entry),
    )


def covering_masks(ds: Dataset, axes: tuple[int, ...]) -> dict[str, NDArray[np.bool_]]:
    """Give the masks that remain: those that cover all elements of a result."""
    remaining: dict[str, NDArray[np.bool_]] = {}
    whole = ds.mask
    if whole is None:
        return remaining
    shape = tuple(length for axis, length in enumerate(ds.shape) if axis not in axes)
    empty = np.asarray(np.all(whole, axis=axes))
    if not empty.any() or 0 in ds.shape:
        return remaining
    explained = np.zeros(shape, dtype=np.bool_)
    for name, mask in ds.raw_masks.items():
        covers = np.all(np.broadcast_to(mask, ds.shape), axis=axes)
        if covers.any():
            remaining[name] = np.asarray(covers)
            explained |= covers
    if (empty & ~explained).any():
        remaining[EMPTY] = empty & ~explained | remaining.get(EMPTY, np.False_)
    return remaining


def total(ds: Dataset, dims: Dims = None) -> Dataset:
    """Sum over dimensions.

    A source of error that all summands share (a monitor) stays shared; errors of the single elements add in
    squares.

    Parameters
    ----------
    dims
        One name or several; all by default.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION.
    """
    axes = axes_of(ds, dims)
    if not axes:
        return ds
    units.check_zero(ds.unit, f"The sum of {ds.name}")
    entry = f"sum of {ds.name} over {_names(ds, axes)}"
    reduction = DimensionSum(ds.shape, axes, kept(ds))
    return reduced(
        ds, axes, entry, values=reduction.total(ds.values), uncertainty=fold(ds.uncertainty, reduction, entry)
    )


def mean(ds: Dataset, dims: Dims = None) -> Dataset:
    """Average over dimensions, each element with the same weight.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION.
    """
    axes = axes_of(ds, dims)
    if not axes:
        return ds
    result: Dataset = total(ds.derive(unit=""), dims) / np.asarray(count(ds, axes))
    return result.derive(unit=ds.unit, history=(*ds.history, f"mean of {ds.name} over {_names(ds, axes)}"))


def count(ds: Dataset, axes: tuple[int, ...]) -> Array | int:
    """Give the number of elements that take part in each result."""
    keep = kept(ds)
    if keep is None:
        return prod(ds.shape[axis] for axis in axes)
    return np.asarray(np.count_nonzero(keep, axis=axes))


def bin_sum(ds: Dataset, index: Any, n_bins: int, dim: str, axis: Any = None) -> Dataset:
    """Sum the elements of each bin, as circular integration does.

    Parameters
    ----------
    ds
        Of any shape.
    index
        The bin of each element: integers, as a Dataset with some of the dimensions of `ds`, or as an array in
        the shape of its last dimensions. What is not in 0 .. n_bins - 1 takes no part. These dimensions are
        replaced by the new one.
    n_bins
        Number of bins.
    dim
        Name of the new, last dimension.
    axis
        Coordinates of the bins, under the name `dim`.

    Returns
    -------
    Dataset
        A bin that no element fell into is 0 and masked.

    Raises
    ------
    GumtreeError
        BAD_BIN_INDEX, DIMENSION_MISMATCH, BAD_AXIS.
    """
    units.check_zero(ds.unit, f"The sum of {ds.name} in bins")
    table, binned = _checked_index(ds, index, n_bins, dim)
    axes = tuple(ds.dims.index(name) for name in binned)
    lead = tuple(name for name in ds.dims if name not in binned)
    ordered = ds.transpose(*lead, *binned)
    lead_shape: Shape = ordered.shape[: len(lead)]
    rows = np.where((table >= 0) & (table < n_bins), table, -1).astype(np.intp, copy=False)
    if lead:
        first = (n_bins * np.arange(prod(lead_shape), dtype=np.intp)).reshape(lead_shape + (1,) * len(binned))
        rows = np.where(rows < 0, -1, rows + first)
    keep = kept(ordered)
    if keep is not None:
        rows = np.where(keep, rows, -1)
    shape = (*lead_shape, n_bins)
    reduction = BinSum(ordered.shape, shape, rows)
    entry = f"{ds.name} into {n_bins} bins of {dim}"
    values = reduction.total(ordered.values)
    empty = np.bincount(rows.reshape(-1) + 1, minlength=prod(shape) + 1)[1:].reshape(shape) == 0
    dims = (*lead, dim)
    axes_left = {name: a for name, a in ds.axes.items() if set(binned).isdisjoint(a.dims or ())}
    if axis is not None:
        axes_left[dim] = place(axis, dim, dims, shape)
    masks = {name: mask[..., np.newaxis] for name, mask in covering_masks(ds, axes).items() if name != EMPTY}
    if empty.any():
        masks[EMPTY] = empty
    return ds.derive(
        values=values,
        dims=dims,
        uncertainty=fold(ordered.uncertainty, reduction, entry),
        axes=axes_left,
        masks=masks,
        history=(*ds.history, entry),
    )


def _checked_index(ds: Dataset, index: Any, n_bins: int, dim: str) -> tuple[Array, tuple[str, ...]]:
    table = np.asarray(getattr(index, "values", index))
    if table.dtype.kind not in "iu" or n_bins < 1:
        raise GumtreeError(
            "BAD_BIN_INDEX",
            f"Bins are numbered by integers from 0 to {n_bins - 1}, at least one, not by {table.dtype}.",
        )
    if is_dataset(index):
        names = tuple(name for name in ds.dims if name in index.dims)
        fits = len(names) == index.ndim and all(index.sizes[name] == ds.sizes[name] for name in names)
        if fits:
            table = index.transpose(*names).values if names else table
    else:
        names = ds.dims[ds.ndim - table.ndim :] if table.ndim <= ds.ndim else ()
        fits = bool(names) and table.shape == ds.shape[ds.ndim - table.ndim :]
    if not fits or not names:
        raise GumtreeError(
            "DIMENSION_MISMATCH",
            f"The bins' index of shape {table.shape} does not fit {ds.name} with {ds.sizes}; give one for"
            " each element.",
        )
    if dim in ds.dims and dim not in names:
        raise GumtreeError(
            "BAD_DIMENSIONS", f"{ds.name} has a dimension '{dim}' already; name the bins otherwise."
        )
    return table, names


def _names(ds: Dataset, axes: tuple[int, ...]) -> str:
    return ", ".join(ds.dims[axis] for axis in axes)
