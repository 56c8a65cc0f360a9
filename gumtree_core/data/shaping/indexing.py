"""Slices by index, by coordinate and by mask; the axes, masks, metadata and errors follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import units
from gumtree_core.data.axis import Axis
from gumtree_core.data.checks import is_dataset
from gumtree_core.data.metadata import along, follow
from gumtree_core.data.propagation.selection import Array, Selector, take
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


def get(ds: Dataset, key: Any) -> Dataset:
    """Select from a Dataset.

    ``ds[2:5, :]``, ``ds[3]``, ``ds[..., ::-1]``
        By index, as NumPy does.
    ``ds["x", 3:10]``, ``ds["x", 4]``
        By index along a dimension: integers.
    ``ds["q", 0.01:0.1]``, ``ds["q", "0.1 1/nm":"1 1/nm"]``, ``ds["q", 0.05]``
        By coordinate: anything that is no integer, in the axis' unit or one of its own. A range holds ``start
        <= coordinate < stop``; a bin belongs to it where its middle does. A single coordinate gives the bin
        that holds it, or the point that lies there.
    ``ds[np.newaxis]``
        Inserts a dimension of length 1 named ``"new"``; `Dataset.expand_dims` gives it a name.
    ``ds[mask]``
        Where a boolean array or Dataset is true; of more than one dimension, the result has the dimension
        ``"element"``.

    Slices are views; selections by mask or list copy.

    Raises
    ------
    GumtreeError
        BAD_INDEX, INDEX_OUT_OF_RANGE, UNKNOWN_DIMENSION, UNKNOWN_AXIS, COORDINATE_OUT_OF_RANGE,
        UNIT_MISMATCH.
    """
    if isinstance(key, tuple) and key and isinstance(key[0], str):
        if len(key) != 2:
            raise GumtreeError(
                "BAD_INDEX", f"Give one name and one selection, such as ds['x', 3:10], not {key}."
            )
        return _named(ds, key[0], key[1])
    if isinstance(key, str):
        raise GumtreeError(
            "BAD_INDEX", f"ds['{key}'] selects nothing; give ds['{key}', start:stop], or ds.axes['{key}']."
        )
    mask = getattr(key, "values", key)
    if isinstance(mask, np.ndarray | list) and np.asarray(mask).dtype == np.bool_ and np.ndim(mask) != 1:
        return _where(ds, key)
    if is_dataset(key) and key.dtype == np.bool_ and key.ndim == 1:
        (dim,) = key.dims
        position(ds, dim)
        return select(ds, {dim: _selector(ds, dim, key)})
    items = key if isinstance(key, tuple) else (key,)
    made = sum(item is None for item in items)
    if sum(item is Ellipsis for item in items) > 1 or (
        len([i for i in items if i is not Ellipsis]) - made > ds.ndim
    ):
        raise GumtreeError(
            "BAD_INDEX", f"{ds.name} has {ds.ndim} dimensions; {len(items)} selections are too many."
        )
    if any(item is Ellipsis for item in items):
        at = next(k for k, item in enumerate(items) if item is Ellipsis)
        fill = (slice(None),) * (ds.ndim - len(items) + made + 1)
        items = (*items[:at], *fill, *items[at + 1 :])
    selected = dict(zip(ds.dims, (item for item in items if item is not None), strict=False))
    result = select(ds, {name: _selector(ds, name, item) for name, item in selected.items()})
    if made:
        from gumtree_core.data.shaping.reshaping import expand_dims, fresh

        left = [item for item in items if not isinstance(item, int | np.integer)]
        for at in (place for place, item in enumerate(left) if item is None):
            result = expand_dims(result, fresh(result.dims), at)
    return result


def position(ds: Dataset, dim: str) -> int:
    """Give the place of a dimension.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION.
    """
    if not isinstance(dim, str):
        raise GumtreeError(
            "UNKNOWN_DIMENSION",
            f"Dimensions have names, those of {ds.name} are {ds.dims}, and {dim!r} is none; NumPy's "
            "functions take places, as numpy.sum(data, axis=0).",
        )
    if dim not in ds.dims:
        raise GumtreeError("UNKNOWN_DIMENSION", f"{ds.name} has no dimension '{dim}'; it has {ds.dims}.")
    return ds.dims.index(dim)


def select(ds: Dataset, key: Mapping[str, Selector]) -> Dataset:
    """Take what checked selectors say along each dimension."""
    places: list[Selector] = [key.get(name, slice(0, length, 1)) for name, length in ds.sizes.items()]
    whole = {name: item for name, item in zip(ds.dims, places, strict=True) if name in key}
    return ds.derive(
        values=_take_values(ds.values, places),
        dims=tuple(name for name in ds.dims if not isinstance(key.get(name), int)),
        uncertainty=ds.uncertainty.taken(places, ds.shape),
        axes={name: _take_axis(axis, whole) for name, axis in ds.axes.items()},
        masks={name: take(mask, places) for name, mask in ds.raw_masks.items()},
        metadata=follow(
            ds.metadata,
            {name: ds.sizes[name] for name in whole},
            lambda value: select(
                value, {name: whole[name] for name in along(value, ds.sizes) if name in whole}
            ),
        ),
    )


def _take_values(values: Array, places: Sequence[Selector]) -> Array:
    result = values[tuple(slice(None) if isinstance(item, np.ndarray) else item for item in places)]
    at = 0
    for item in places:
        if isinstance(item, np.ndarray):
            result = np.take(result, item, axis=at)
        at += not isinstance(item, int)
    return result


def _take_axis(axis: Axis, key: Mapping[str, Selector]) -> Axis:
    own = {name: item for name, item in key.items() if name in (axis.dims or ())}
    return axis.taken(own) if own else axis


def _selector(ds: Dataset, dim: str, item: Any) -> Selector:
    length = ds.sizes[dim]
    if isinstance(item, int | np.integer) and not isinstance(item, bool | np.bool_):
        if not -length <= item < length:
            raise GumtreeError(
                "INDEX_OUT_OF_RANGE",
                f"Index {item} is beyond the {length} elements of {ds.name} along '{dim}'.",
            )
        return int(item) % length
    if isinstance(item, slice):
        if not all(
            part is None or isinstance(part, int | np.integer) for part in (item.start, item.stop, item.step)
        ):
            raise GumtreeError(
                "BAD_INDEX", f"Slices by coordinate name their axis: ds['{dim}', {item.start}:{item.stop}]."
            )
        if item.step == 0:
            raise GumtreeError("BAD_INDEX", f"The step of a slice along '{dim}' is 0; give 1 or -1.")
        return item if item.step is not None and item.step < 0 else _inside(item, length)
    table = np.asarray(getattr(item, "values", item))
    if table.ndim == 1 and table.dtype == np.bool_:
        if table.size != length:
            raise GumtreeError(
                "BAD_INDEX",
                f"A mask of {table.size} elements does not fit the {length} of {ds.name} along '{dim}'.",
            )
        return np.flatnonzero(table)
    if table.ndim == 1 and (table.dtype.kind in "iu" or not table.size):
        if table.size and not (-length <= table.min() and table.max() < length):
            raise GumtreeError(
                "INDEX_OUT_OF_RANGE", f"An index is beyond the {length} elements of {ds.name} along '{dim}'."
            )
        return table.astype(np.intp) % max(length, 1)
    raise GumtreeError(
        "BAD_INDEX", f"{item!r} selects nothing along '{dim}'; give integers, a slice or a mask."
    )


def _inside(item: slice, length: int) -> slice:
    start, stop, step = item.indices(length)
    return slice(start, max(start, stop), step)


def _where(ds: Dataset, mask: Any) -> Dataset:
    """Take the elements where a mask of several dimensions is true, as a list."""
    values = np.asarray(getattr(mask, "values", mask))
    if getattr(mask, "dims", ds.dims) != ds.dims or values.shape != ds.shape:
        raise GumtreeError(
            "BAD_INDEX", f"The mask of shape {values.shape} does not fit {ds.name} of shape {ds.shape}."
        )
    positions = np.flatnonzero(values)
    dim = "element"

    def picked(array: Array) -> Array:
        return np.asarray(np.broadcast_to(array, ds.shape).reshape(-1)[positions])

    axes: dict[str, Axis] = {}
    for name, axis in ds.axes.items():
        if not axis.ndim:
            axes[name] = axis
            continue
        order = sorted(axis.dims or (), key=ds.dims.index)
        centers = np.transpose(axis.centers, [(axis.dims or ()).index(d) for d in order])
        spread = tuple(slice(None) if d in order else np.newaxis for d in ds.dims)
        axes[name] = Axis(picked(centers[spread]), axis.unit, (dim,), None, axis.title)
    return ds.derive(
        values=picked(ds.values),
        dims=(dim,),
        uncertainty=ds.uncertainty.picked(positions, ds.shape),
        axes=axes,
        masks={name: picked(m) for name, m in ds.raw_masks.items()},
    )


def _named(ds: Dataset, name: str, item: Any) -> Dataset:
    parts = (item.start, item.stop) if isinstance(item, slice) else (item,)
    by_coordinate = any(isinstance(part, float | np.floating | str) or is_dataset(part) for part in parts)
    if by_coordinate and getattr(item, "dtype", None) != np.bool_:
        return _by_coordinate(ds, name, item)
    dim = name
    if name not in ds.dims and name in ds.axes and ds.axes[name].ndim == 1:
        (dim,) = ds.axes[name].dims or ()
    position(ds, dim)
    return select(ds, {dim: _selector(ds, dim, item)})


def _by_coordinate(ds: Dataset, name: str, item: Any) -> Dataset:
    axis = ds.axes.get(name)
    if axis is None:
        raise GumtreeError(
            "UNKNOWN_AXIS", f"{ds.name} has no axis '{name}' to select by; it has {sorted(ds.axes)}."
        )
    if axis.ndim != 1 or axis.dims is None:
        raise GumtreeError(
            "BAD_INDEX",
            f"The axis '{name}' has {axis.ndim} dimensions; select with a mask made from its values.",
        )
    (dim,) = axis.dims
    if isinstance(item, slice):
        if item.step is not None:
            raise GumtreeError(
                "BAD_INDEX", f"A range of coordinates takes no step ({item.step}); rebin instead."
            )
        inside = np.ones(ds.sizes[dim], dtype=np.bool_)
        if item.start is not None:
            inside &= axis.centers >= _coordinate(item.start, axis, name)
        if item.stop is not None:
            inside &= axis.centers < _coordinate(item.stop, axis, name)
        return select(ds, {dim: _as_slice(inside)})
    value = _coordinate(item, axis, name)
    return select(ds, {dim: _position_of(value, axis, name)})


def _coordinate(value: Any, axis: Axis, name: str) -> float:
    if isinstance(value, str):
        number, unit = units.parse_quantity(value)
    elif is_dataset(value):
        number, unit = float(value), value.unit
    else:
        return float(value)
    found = units.conversion(unit, axis.unit)
    if found is None:
        raise GumtreeError(
            "UNIT_MISMATCH", f"The axis '{name}' is in '{axis.unit}', the coordinate in '{unit}'."
        )
    return number * found[0] + found[1]


def _as_slice(inside: NDArray[np.bool_]) -> Selector:
    """Give a slice where the elements are contiguous, so that the result is a view."""
    positions = np.flatnonzero(inside)
    if not positions.size:
        return slice(0, 0, 1)
    first, last = int(positions[0]), int(positions[-1])
    return slice(first, last + 1, 1) if last - first + 1 == positions.size else positions


def _position_of(value: float, axis: Axis, name: str) -> int:
    values = axis.values
    span = (
        f"{np.nanmin(values):.6g} to {np.nanmax(values):.6g} {axis.unit}".strip() if values.size else "empty"
    )
    if axis.is_edges:
        low, high = np.minimum(values[:-1], values[1:]), np.maximum(values[:-1], values[1:])
        found = np.flatnonzero((low <= value) & (value < high))
        if not found.size:
            found = np.flatnonzero(value == high)
    else:
        size = float(np.nanmax(np.abs(values))) if values.size else 0.0
        found = np.flatnonzero(np.abs(values - value) <= 1e-9 * size)
    if not found.size:
        near = (
            ""
            if axis.is_edges or not values.size
            else f"; the nearest point is {values[np.nanargmin(abs(values - value))]:.6g}"
        )
        raise GumtreeError(
            "COORDINATE_OUT_OF_RANGE", f"{value:.6g} is no coordinate of the axis '{name}' ({span}){near}."
        )
    return int(found[0])
