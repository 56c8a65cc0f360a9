"""Differences, derivatives and interpolation: weighted sums of a few elements along a dimension.

Each result depends on elements that it names, so that errors and correlations are exact at any size, and the
result is masked where one of these elements is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gumtree_core.data import units
from gumtree_core.data.axis import Axis
from gumtree_core.data.checks import is_dataset
from gumtree_core.data.mathematics.arithmetic import UNDEFINED
from gumtree_core.data.metadata import without
from gumtree_core.data.propagation.selection import Array, Selector, rearrange
from gumtree_core.data.propagation.uncertainty import combine
from gumtree_core.data.shaping import indexing
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


def coordinates(ds: Dataset, name: str, dim: str | None = None) -> tuple[Axis, str]:
    """Give an axis of numbers and the dimension to work along.

    Parameters
    ----------
    name
        Of the axis.
    dim
        Where the axis has several dimensions: the one to work along.

    Raises
    ------
    GumtreeError
        UNKNOWN_AXIS, BAD_AXIS, UNKNOWN_DIMENSION.
    """
    axis = ds.axes.get(name)
    if axis is None:
        raise GumtreeError(
            "UNKNOWN_AXIS",
            f"{ds.name} has no axis '{name}'; it has {sorted(ds.axes)}. Give it one by with_axes.",
        )
    if axis.values.dtype.kind not in "iuf":
        raise GumtreeError(
            "BAD_AXIS", f"The axis '{name}' of {ds.name} holds {axis.values.dtype}, where numbers are needed."
        )
    dims = axis.dims or ()
    if dim is None and len(dims) != 1:
        raise GumtreeError(
            "BAD_AXIS", f"The axis '{name}' of {ds.name} runs along {dims}; say which with dim=, or select."
        )
    along = dims[0] if dim is None else dim
    if along not in dims:
        raise GumtreeError("UNKNOWN_DIMENSION", f"The axis '{name}' of {ds.name} runs along {dims}.")
    return axis, along


def spread(array: Array, dims: tuple[str, ...], ds: Dataset) -> Array:
    """View an array with some of the dimensions of a Dataset so that it broadcasts to it."""
    order = sorted(dims, key=ds.dims.index)
    array = rearrange(array, [dims.index(name) for name in order])
    return rearrange(array, [order.index(name) if name in order else None for name in ds.dims])


def combination(
    ds: Dataset, dim: str, parts: Sequence[tuple[Selector, Array | float]], operation: str, **changed: Any
) -> Dataset:
    """Add up weighted elements along a dimension: ``sum of weights * ds[selector]``.

    What runs along `dim` besides the data (axes, metadata) is left out. `changed` goes to `Dataset.derive`.
    """
    at = ds.dims.index(dim)
    own = {dim: ds.sizes[dim]}
    plain = ds.derive(axes={}, metadata={})
    pieces = [indexing.select(plain, {dim: selector}) for selector, _ in parts]
    weights = [
        weight.reshape([-1 if k == at else 1 for k in range(ds.ndim)])
        if isinstance(weight, np.ndarray) and weight.ndim == 1
        else weight
        for _, weight in parts
    ]
    with np.errstate(all="ignore"):
        total = pieces[0].values * weights[0]
        for piece, weight in zip(pieces[1:], weights[1:], strict=True):
            total = total + piece.values * weight
        uncertainty = combine(
            [(piece.uncertainty, weight) for piece, weight in zip(pieces, weights, strict=True)],
            total.shape,
            operation,
        )
    masks = {name: np.logical_or.reduce([p.raw_masks[name] for p in pieces]) for name in ds.raw_masks}
    result = pieces[0].derive(
        values=np.asarray(total),
        uncertainty=uncertainty,
        axes={name: axis for name, axis in ds.axes.items() if dim not in (axis.dims or ())},
        masks=masks,
        metadata=without(ds.metadata, own),
        history=(*ds.history, operation),
    )
    return result.derive(**changed)


def diff(ds: Dataset, dim: str, n: int = 1) -> Dataset:
    """Subtract from each element the one before it, along a dimension; one element fewer.

    Coordinates are the middles between the two; of bins, the edge between them.

    Parameters
    ----------
    n
        How many times.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION; TOO_FEW_ELEMENTS.
    """
    for _ in range(n):
        length = ds.shape[indexing.position(ds, dim)]
        if length < 2:
            raise GumtreeError(
                "TOO_FEW_ELEMENTS", f"{ds.name} has {length} elements along '{dim}'; a difference takes two."
            )
        axes = {name: _between(axis, dim) for name, axis in ds.axes.items()}
        signed = ds if ds.dtype.kind == "f" else ds.derive(values=ds.values.astype(np.float64))
        parts = [(slice(1, length, 1), 1.0), (slice(0, length - 1, 1), -1.0)]
        entry, unit = f"diff of {ds.name} along {dim}", units.difference(ds.unit)
        ds = combination(signed, dim, parts, entry, axes=axes, unit=unit)
    return ds


def _between(axis: Axis, dim: str) -> Axis:
    dims = axis.dims or ()
    if dim not in dims:
        return axis
    lead = (slice(None),) * dims.index(dim)
    if axis.edges == dim:
        inner = (*lead, slice(1, -1))
        errors = None if axis.errors is None else axis.errors[inner]
        return Axis(axis.values[inner], axis.unit, dims, errors, axis.title)
    values = axis.values.astype(np.float64) if axis.values.dtype.kind == "b" else axis.values
    low, high = values[(*lead, slice(None, -1))], values[(*lead, slice(1, None))]
    return Axis(low + (high - low) / 2, axis.unit, dims, None, axis.title, axis.edges)


def gradient(ds: Dataset, axis: str, dim: str | None = None) -> Dataset:
    """Differentiate by a coordinate, in the unit of the data per that of the axis.

    Inside by three points, exact for parabolas at any spacing; at the ends by two, as `numpy.gradient`. Of
    bins, the middles count.

    Raises
    ------
    GumtreeError
        UNKNOWN_AXIS, BAD_AXIS, TOO_FEW_ELEMENTS.
    """
    found, along = coordinates(ds, axis, dim)
    x = spread(found.centers, found.dims or (), ds)
    entry = f"gradient of {ds.name} by {axis}"
    unit = units.divide(units.difference(ds.unit), units.difference(found.unit))
    return gradient_by(ds, along, x, unit, entry)


def gradient_by(ds: Dataset, dim: str, x: Array, unit: str, entry: str) -> Dataset:
    """Differentiate by numbers that broadcast to the data."""
    at = indexing.position(ds, dim)
    n = ds.shape[at]
    if n < 2:
        raise GumtreeError(
            "TOO_FEW_ELEMENTS", f"{ds.name} has {n} elements along '{dim}'; a gradient takes two or more."
        )
    x = np.moveaxis(x.astype(np.float64), at, -1)
    h = np.diff(x)
    if not (h != 0).all():
        raise GumtreeError(
            "BAD_AXIS",
            f"Neighbours along '{dim}' of {ds.name} have the same coordinate; sum or sort them first.",
        )
    before, after = h[..., :-1], h[..., 1:]
    weights = np.zeros((3, *x.shape))
    weights[0, ..., 1:-1] = -after / (before * (before + after))
    weights[1, ..., 1:-1] = (after - before) / (before * after)
    weights[2, ..., 1:-1] = before / (after * (before + after))
    weights[1, ..., 0], weights[2, ..., 0] = -1 / h[..., 0], 1 / h[..., 0]
    weights[0, ..., -1], weights[1, ..., -1] = -1 / h[..., -1], 1 / h[..., -1]
    own = np.arange(n, dtype=np.intp)
    index = [np.maximum(own - 1, 0), own, np.minimum(own + 1, n - 1)]
    parts = [(i, np.moveaxis(w, -1, at)) for i, w in zip(index, weights, strict=True)]
    return combination(ds, dim, parts, entry, unit=unit, axes=dict(ds.axes), metadata=dict(ds.metadata))


def interpolate(ds: Dataset, axis: str, points: Any) -> Dataset:
    """Interpolate linearly between neighbouring points along an axis.

    The errors of both neighbours count, with their weights; results that share a neighbour are correlated.
    Of bins, the middles count: counts in bins are to be rebinned instead. A point outside of the axis is NaN
    and masked under `undefined`; one on a point of the axis is that element.

    Parameters
    ----------
    axis
        Name of an axis of one dimension that grows or falls throughout.
    points
        One coordinate or a 1-D array, in the axis' unit; or an Axis, a Dataset or a text such as ``"2 mm"``,
        in their own.

    Raises
    ------
    GumtreeError
        UNKNOWN_AXIS, BAD_AXIS, UNIT_MISMATCH.
    """
    found, dim = coordinates(ds, axis)
    target = new_axis(points, found, dim)
    x, at = found.centers.astype(np.float64), target.to(found.unit).values.astype(np.float64)
    steps = np.diff(x)
    if not x.size or not ((steps > 0).all() or (steps < 0).all()):
        raise GumtreeError(
            "BAD_AXIS",
            f"The axis '{axis}' of {ds.name} neither grows nor falls throughout; sort('{axis}') it first.",
        )
    order = slice(None) if x.size < 2 or steps[0] > 0 else slice(None, None, -1)
    fraction = np.interp(at, x[order], np.arange(x.size, dtype=np.float64)[order], np.nan, np.nan)
    outside = np.isnan(fraction)
    fraction = np.where(outside, 0.0, fraction)
    low, high = np.floor(fraction).astype(np.intp), np.ceil(fraction).astype(np.intp)
    # The weight by the coordinates themselves, so that a point of the axis is met exactly.
    gap = np.where(low == high, 1.0, x[high] - x[low])
    weight = np.where(low == high, 0.0, (at - x[low]) / gap)
    weight[outside] = np.nan
    entry = f"{ds.name} interpolated at {at.size} points of {axis}"
    result = combination(ds, dim, [(low, 1 - weight), (high, weight)], entry)
    result = result.derive(axes={**result.axes, axis: target})
    if outside.any():
        missing = spread(outside, (dim,), result)
        old = result.raw_masks.get(UNDEFINED)
        missing = missing if old is None else missing | old
        result = result.derive(masks={**result.raw_masks, UNDEFINED: missing})
    return result if _is_row(points) else indexing.select(result, {dim: 0})


def _is_row(points: Any) -> bool:
    return np.ndim(points.values if is_dataset(points) or isinstance(points, Axis) else points) > 0


def new_axis(given: Any, old: Axis, dim: str) -> Axis:
    """Make an axis along `dim` of new coordinates; an array has the old axis' unit.

    Raises
    ------
    GumtreeError
        BAD_AXIS, UNIT_MISMATCH.
    """
    if isinstance(given, str):
        number, unit = units.parse_quantity(given)
        given = Axis(number, unit)
    axis = (
        given if isinstance(given, Axis) else given.as_axis() if is_dataset(given) else Axis(given, old.unit)
    )
    values = np.atleast_1d(axis.values)
    if values.ndim != 1 or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise GumtreeError(
            "BAD_AXIS", f"New coordinates along '{dim}' are finite numbers in a row, not {axis.describe()}."
        )
    new = Axis(values, axis.unit, (dim,), None, axis.title or old.title)
    new.to(old.unit)
    return new
