"""The elements along a dimension in another order, or several times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.checks import is_dataset
from gumtree_core.data.propagation.selection import Array
from gumtree_core.data.shaping import indexing
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


def labels_along(ds: Dataset, by: Any, dim: str | None = None) -> tuple[Array, str]:
    """Give one label for each element along a dimension, and the dimension.

    Parameters
    ----------
    by
        The name of an axis of one dimension (of bins, the middles count), a 1-D Dataset, or a 1-D array.
    dim
        Where `by` is an array: the dimension; of a 1-D Dataset it need not be named.

    Raises
    ------
    GumtreeError
        UNKNOWN_AXIS, UNKNOWN_DIMENSION, BAD_LABELS.
    """
    if isinstance(by, str):
        axis = ds.axes.get(by)
        if axis is None:
            raise GumtreeError("UNKNOWN_AXIS", f"{ds.name} has no axis '{by}'; it has {sorted(ds.axes)}.")
        labels, names = axis.centers, axis.dims or ()
    else:
        labels = np.asarray(by.values if is_dataset(by) else by)
        names = by.dims if is_dataset(by) else (dim,) if dim is not None else ds.dims
    if labels.ndim != 1 or len(names) != 1:
        raise GumtreeError(
            "BAD_LABELS",
            f"One label is needed for each element along one dimension of {ds.name}, not an array of shape"
            f" {labels.shape}; name the dimension, or flatten() the data first.",
        )
    (name,) = names
    if labels.size != ds.shape[indexing.position(ds, name)]:
        raise GumtreeError(
            "BAD_LABELS",
            f"{labels.size} labels do not fit the {ds.sizes[name]} elements of {ds.name} along '{name}'.",
        )
    return labels, name


def sort(ds: Dataset, by: Any = None, descending: bool = False) -> Dataset:
    """Sort along a dimension; equal elements stay in order, and NaN comes last. It copies.

    Parameters
    ----------
    by
        What to sort by: the name of an axis, or one value for each element as a 1-D Dataset or array; a 1-D
        Dataset is sorted by its own values by default. Bins that do not stay in order keep their middles.
    descending
        Largest first.

    Raises
    ------
    GumtreeError
        UNKNOWN_AXIS, UNKNOWN_DIMENSION, BAD_LABELS.
    """
    labels, dim = labels_along(ds, ds if by is None else by)
    order = np.argsort(labels, kind="stable")
    if descending:
        order = labels.size - 1 - np.argsort(labels[::-1], kind="stable")[::-1]
        if labels.dtype.kind in "fM":
            missing = np.isnan(labels) if labels.dtype.kind == "f" else np.isnat(labels)
            order = np.concatenate([order[~missing[order]], np.flatnonzero(missing)])
    if np.array_equal(order, np.arange(labels.size)):
        return ds
    return indexing.select(ds, {dim: order.astype(np.intp)})


def roll(ds: Dataset, dim: str, shift: int) -> Dataset:
    """Move values, errors and masks along a dimension; what leaves at one end comes in at the other.

    Axes and metadata stay where they are: the data move against their coordinates.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION, BAD_INDEX.
    """
    length = ds.shape[indexing.position(ds, dim)]
    if not isinstance(shift, int | np.integer):
        raise GumtreeError("BAD_INDEX", f"Data are rolled by a whole number of elements, not by {shift}.")
    order = ((np.arange(length) - shift) % max(length, 1)).astype(np.intp)
    moved = indexing.select(ds.derive(axes={}, metadata={}), {dim: order})
    entry = f"{ds.name} rolled by {shift} along {dim}"
    return moved.derive(axes=dict(ds.axes), metadata=dict(ds.metadata), history=(*ds.history, entry))


def repeat(ds: Dataset, dim: str, repeats: Any) -> Dataset:
    """Take each element along a dimension several times; all copies are one source of error.

    Parameters
    ----------
    repeats
        A number, or one for each element.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION, BAD_INDEX.
    """
    length = ds.shape[indexing.position(ds, dim)]
    try:
        order: NDArray[np.intp] = np.repeat(np.arange(length, dtype=np.intp), repeats)
    except (ValueError, TypeError) as error:
        raise GumtreeError(
            "BAD_INDEX", f"{repeats} does not say how often each of the {length} elements is repeated."
        ) from error
    return indexing.select(ds, {dim: order})


def tile(ds: Dataset, dim: str, times: int) -> Dataset:
    """Put a Dataset behind itself several times; all copies are one source of error.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION, BAD_INDEX.
    """
    length = ds.shape[indexing.position(ds, dim)]
    if not isinstance(times, int | np.integer) or times < 0:
        raise GumtreeError("BAD_INDEX", f"{times} does not say how often {ds.name} is repeated.")
    return indexing.select(ds, {dim: np.tile(np.arange(length, dtype=np.intp), times)})
