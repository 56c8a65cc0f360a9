"""Signatures of NumPy's functions for what Datasets do: axes counted by place, parts in a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gumtree_core.data import units
from gumtree_core.data.checks import is_dataset
from gumtree_core.data.mathematics import neighbours, running
from gumtree_core.data.propagation.selection import Array
from gumtree_core.data.propagation.uncertainty import Uncertainty
from gumtree_core.data.reducing import reductions, statistics
from gumtree_core.data.shaping import (
    choosing,
    indexing,
    reordering,
    reshaping,
)
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


def dim_at(ds: Dataset, axis: Any = None) -> str:
    """Give the name of a dimension by its place; of one dimension, that."""
    if axis is None:
        if ds.ndim == 1:
            return ds.dims[0]
        raise GumtreeError(
            "BAD_DIMENSIONS", f"{ds.name} has the dimensions {ds.dims}; say along which, with axis=."
        )
    if not -ds.ndim <= index(axis) < ds.ndim:
        raise GumtreeError(
            "UNKNOWN_DIMENSION", f"{ds.name} has {ds.ndim} dimensions; axis {axis} is none of them."
        )
    return ds.dims[index(axis)]


def dims_at(ds: Dataset, axis: Any) -> tuple[str, ...] | None:
    """Give the names of dimensions by their places; None for all."""
    if axis is None:
        return None
    return tuple(dim_at(ds, place) for place in (axis if isinstance(axis, tuple | list) else (axis,)))


def over_axis(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of (ds, dims) take NumPy's axis, all by default."""

    def call(ds: Dataset, axis: Any = None, **options: Any) -> Any:
        return function(ds, dims_at(ds, axis), **options)

    return call


def along_axis(function: Callable[..., Dataset]) -> Callable[..., Dataset]:
    """Let a function of (ds, dim) take NumPy's axis."""

    def call(ds: Dataset, axis: Any = None) -> Dataset:
        return function(ds, dim_at(ds, axis))

    return call


def flags(function: Callable[..., Any], neutral: bool, ds: Dataset, dims: tuple[str, ...] | None) -> Any:
    """Reduce to booleans or numbers of elements; without axis, to Python's own."""
    axes = reductions.axes_of(ds, dims)
    keep = reductions.kept(ds)
    values = ds.values != 0
    values = values if keep is None else np.where(keep, values, neutral)
    result = np.asarray(function(values, axis=axes))
    if dims is None:
        return result.item()
    whole = reductions.reduced(
        ds, axes, f"{function.__name__} of {ds.name}", values=result, uncertainty=Uncertainty()
    )
    return whole.derive(unit="")


def arg_position(which: Literal["argmin", "argmax"]) -> Callable[..., Any]:
    """Carry out `numpy.argmin` or `numpy.argmax`: plain integers; a masked element takes no part."""

    def call(ds: Dataset, axis: int | None = None) -> Any:
        keep = reductions.kept(ds)
        values = ds.values
        if keep is not None:
            if not keep.any(axis=axis).all():
                raise GumtreeError("NO_ELEMENTS", f"numpy.{which} of {ds.name}: all elements are masked.")
            values = np.where(keep, values.astype(np.float64), np.inf if which == "argmin" else -np.inf)
        if not values.size:
            raise GumtreeError("NO_ELEMENTS", f"numpy.{which} of {ds.name}: it has no elements.")
        dims_at(ds, axis)
        return getattr(np, which)(values, axis=axis)

    return call


def average(ds: Dataset, axis: Any = None, weights: Any = None) -> Dataset:
    """Carry out `numpy.average`."""
    dims = dims_at(ds, axis)
    if weights is None:
        return reductions.mean(ds, dims)
    if not is_dataset(weights) and np.ndim(weights) == 1 and ds.ndim > 1:
        at = ds.dims.index(dim_at(ds, axis))
        weights = np.asarray(weights).reshape([-1 if k == at else 1 for k in range(ds.ndim)])
    return statistics.weighted_mean(ds, dims, weights)


def value_range(ds: Dataset, dims: tuple[str, ...] | None) -> Dataset:
    """Carry out `numpy.ptp`."""
    return statistics.extreme(ds, dims, "max") - statistics.extreme(ds, dims, "min")  # type: ignore[no-any-return]


def rounded(ds: Dataset, decimals: int = 0) -> Dataset:
    """Carry out `numpy.round`; the errors stay."""
    return ds.derive(values=np.round(ds.values, decimals))


def gradient(ds: Dataset, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Carry out `numpy.gradient`."""
    if edge_order != 1:
        raise TypeError(f"edge_order {edge_order} is not offered, 1 is")
    names = [dim_at(ds, place) for place in ([axis] if isinstance(axis, int) else axis or range(ds.ndim))]
    steps = spacing * len(names) if len(spacing) == 1 else spacing or (1.0,) * len(names)
    if len(steps) != len(names):
        raise TypeError(f"{len(spacing)} spacings do not fit {len(names)} axes")
    parts = [gradient_along(ds, name, step) for name, step in zip(names, steps, strict=True)]
    return parts[0] if len(parts) == 1 else tuple(parts)


def gradient_along(ds: Dataset, dim: str, step: Any) -> Dataset:
    """Differentiate along one dimension by a spacing or by coordinates."""
    numbers, unit = as_numbers(step)
    x = numbers * np.arange(ds.sizes[dim]) if numbers.ndim == 0 else numbers
    slope = units.divide(units.difference(ds.unit), units.difference(unit))
    return neighbours.gradient_by(ds, dim, placed(x, ds, dim), slope, f"gradient of {ds.name} along {dim}")


def trapezoid(ds: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Dataset:
    """Carry out `numpy.trapezoid`."""
    if not is_dataset(ds):
        raise TypeError("the values are to be a Dataset; for coordinates alone use .values")
    dim = dim_at(ds, axis)
    numbers, unit = as_numbers(dx if x is None else x)
    points = numbers * np.arange(ds.sizes[dim]) if x is None else numbers
    entry = f"trapezoid of {ds.name} along {dim}"
    area = units.multiply(ds.unit, units.difference(unit))
    return running.trapezium(ds, dim, placed(points, ds, dim), area, entry)


def as_numbers(given: Any) -> tuple[Array, str]:
    """Give the numbers and the unit of a Dataset or an array."""
    array = np.asarray(given.values if is_dataset(given) else given, dtype=np.float64)
    return array, getattr(given, "unit", "")


def placed(x: Array, ds: Dataset, dim: str) -> Array:
    """View coordinates of one dimension so that they broadcast to the data."""
    if x.ndim != 1 or x.size != ds.sizes[dim]:
        raise GumtreeError(
            "DIMENSION_MISMATCH",
            f"Coordinates of shape {x.shape} do not fit {ds.name} {ds.sizes} along '{dim}'.",
        )
    return neighbours.spread(x, (dim,), ds)


def full_like(ds: Dataset, value: Any, dtype: Any) -> Dataset:
    """Give the same value everywhere, without errors."""
    values = np.full(ds.shape, value, ds.dtype if dtype is None else dtype)
    return ds.derive(values=values, uncertainty=Uncertainty(), history=())


def join(parts: Sequence[Dataset], axis: int = 0) -> Dataset:
    """Carry out `numpy.concatenate`."""
    from gumtree_core.data.shaping.joining import concatenate

    first = next(iter(parts))
    if not is_dataset(first):
        raise TypeError("all parts are to be Datasets")
    return concatenate(list(parts), dim_at(first, axis))


def stack(parts: Sequence[Dataset], axis: int = 0) -> Dataset:
    """Carry out `numpy.stack`."""
    from gumtree_core.data.shaping.joining import stack as stack_first

    parts = list(parts)
    joined = stack_first(parts, reshaping.fresh(getattr(parts[0], "dims", ())))
    return moveaxis(joined, 0, axis)


def vstack(parts: Sequence[Dataset]) -> Dataset:
    """Carry out `numpy.vstack`."""
    return stack(parts) if parts[0].ndim < 2 else join(parts)


def hstack(parts: Sequence[Dataset]) -> Dataset:
    """Carry out `numpy.hstack`."""
    return stack(parts) if not parts[0].ndim else join(parts, min(1, parts[0].ndim - 1))


def column_stack(parts: Sequence[Dataset]) -> Dataset:
    """Carry out `numpy.column_stack`."""
    return stack(parts, 1) if parts[0].ndim == 1 else join(parts, 1)


def dstack(parts: Sequence[Dataset]) -> Dataset:
    """Carry out `numpy.dstack`."""
    if parts[0].ndim == 1:
        parts = [reshaping.expand_dims(part, reshaping.fresh(part.dims)) for part in parts]
    return stack(parts, 2) if parts[0].ndim == 2 else join(parts, 2)


def append(ds: Dataset, values: Dataset, axis: int | None = None) -> Dataset:
    """Carry out `numpy.append`."""
    dim_at(ds, axis)
    return join([ds, values], axis or 0)


def flip(ds: Dataset, axis: Any = None) -> Dataset:
    """Carry out `numpy.flip`."""
    names = dims_at(ds, axis) or ds.dims
    return indexing.select(ds, {name: slice(None, None, -1) for name in names})


def rot90(ds: Dataset, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Dataset:
    """Carry out `numpy.rot90`."""
    for _ in range(k % 4):
        ds = flip(swapaxes(ds, *axes), axes[0])
    return ds


def roll(ds: Dataset, shift: Any, axis: Any = None) -> Dataset:
    """Carry out `numpy.roll`."""
    places = axis if isinstance(axis, tuple) else (axis,)
    shifts = shift if isinstance(shift, tuple) else (shift,) * len(places)
    for one, place in zip(shifts, places, strict=True):
        ds = reordering.roll(ds, dim_at(ds, place), one)
    return ds


def tile(ds: Dataset, reps: Any) -> Dataset:
    """Carry out `numpy.tile`."""
    times = (reps,) if isinstance(reps, int | np.integer) else tuple(reps)
    if len(times) > ds.ndim:
        raise TypeError(
            f"{len(times)} repetitions for {ds.ndim} dimensions; insert dimensions by expand_dims"
        )
    for dim, n in zip(ds.dims[ds.ndim - len(times) :], times, strict=True):
        ds = ds if n == 1 else reordering.tile(ds, dim, n)
    return ds


def squeeze(ds: Dataset, axis: Any = None) -> Dataset:
    """Carry out `numpy.squeeze`."""
    return reshaping.squeeze(ds, dims_at(ds, axis))


def expand_dims(ds: Dataset, axis: int) -> Dataset:
    """Carry out `numpy.expand_dims`."""
    return reshaping.expand_dims(ds, reshaping.fresh(ds.dims), axis)


def transpose(ds: Dataset, axes: Sequence[int] | None = None) -> Dataset:
    """Carry out `numpy.transpose`."""
    return ds.transpose() if axes is None else ds.transpose(*(dim_at(ds, place) for place in axes))


def moveaxis(ds: Dataset, source: int, destination: int) -> Dataset:
    """Carry out `numpy.moveaxis`."""
    name = dim_at(ds, source)
    dim_at(ds, destination)
    order = [other for other in ds.dims if other != name]
    order.insert(destination % ds.ndim, name)
    return ds.transpose(*order)


def swapaxes(ds: Dataset, axis1: int, axis2: int) -> Dataset:
    """Carry out `numpy.swapaxes`."""
    swap = {dim_at(ds, axis1): dim_at(ds, axis2), dim_at(ds, axis2): dim_at(ds, axis1)}
    return ds.transpose(*(swap.get(name, name) for name in ds.dims))


def reshape(ds: Dataset, shape: Any) -> Dataset:
    """Carry out `numpy.reshape`."""
    lengths = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    flat = ds if ds.ndim == 1 else reshaping.flatten(ds)
    if len(lengths) == 1 and lengths[0] in (-1, ds.size):
        return flat
    if ds.ndim != 1 or not 1 < len(lengths) < 4:
        raise GumtreeError(
            "UNSUPPORTED_FUNCTION",
            f"numpy.reshape of {ds.name} {ds.sizes} to {lengths}: the new dimensions have no names; use"
            " flatten(dims, name) and reshape({name: length, ...}, dim).",
        )
    return reshaping.split_dimension(ds, dict(zip(("z", "y", "x")[-len(lengths) :], lengths, strict=True)))


def split_at(axis: int) -> Callable[..., list[Dataset]]:
    """Split along one of the first three axes."""
    return lambda ds, sections: reshaping.divide(ds, sections, dim_at(ds, axis))


def take(ds: Dataset, indices: Any, axis: Any = None) -> Dataset:
    """Carry out `numpy.take`."""
    if np.asarray(indices).dtype.kind not in "iu":
        raise TypeError("indices are integers; select by coordinate as ds['q', 0.1:0.2]")
    return indexing.get(ds, (dim_at(ds, axis), indices))


def delete(ds: Dataset, obj: Any, axis: Any = None) -> Dataset:
    """Carry out `numpy.delete`."""
    dim = dim_at(ds, axis)
    return indexing.select(ds, {dim: np.delete(np.arange(ds.sizes[dim], dtype=np.intp), obj)})


def compress(condition: Any, ds: Dataset, axis: Any = None) -> Dataset:
    """Carry out `numpy.compress`."""
    return indexing.get(ds, (dim_at(ds, axis), np.asarray(condition, dtype=np.bool_)))


def sort(ds: Dataset, axis: int = -1) -> Dataset:
    """Carry out `numpy.sort`."""
    if ds.ndim != 1:
        raise TypeError("only data of one dimension can be sorted by themselves; use Dataset.sort(by)")
    return reordering.sort(ds)


def diagonal(ds: Dataset) -> Dataset:
    """Carry out `numpy.diagonal`."""
    if ds.ndim != 2 or ds.shape[0] != ds.shape[1]:
        raise TypeError(f"{ds.sizes} is no square matrix")
    flat = reshaping.flatten(ds, to=reshaping.fresh(ds.dims, "diagonal"))
    return indexing.get(flat, slice(None, None, ds.shape[0] + 1))


def triangle(keep: Callable[..., Any]) -> Callable[..., Dataset]:
    """Carry out `numpy.tril` or `numpy.triu`."""

    def call(ds: Dataset, k: int = 0) -> Dataset:
        return choosing.where(keep(np.ones(ds.shape, dtype=np.bool_), k), ds, full_like(ds, 0, None))

    return call


def where(condition: Any, *choices: Any) -> Any:
    """Carry out `numpy.where`."""
    return choosing.where(condition, *choices) if choices else np.nonzero(condition.values)


def clip(ds: Dataset, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Dataset:
    """Carry out `numpy.clip`."""
    return choosing.clip(ds, a_min if min is None else min, a_max if max is None else max)
