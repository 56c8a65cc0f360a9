"""Datasets as tables of pandas and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gumtree_core.data.axis import Axis
from gumtree_core.data.dataset import Dataset
from gumtree_core.data.exchange.common import check_names, independent_variances, is_plain, library, text_of
from gumtree_core.data.exchange.xarray import ERRORS, VALUES, halves
from gumtree_core.data.propagation.selection import Array, rearrange
from gumtree_core.errors import GumtreeError

_LOW, _HIGH = "_low", "_high"


def to_pandas(ds: Dataset) -> Any:
    """Make a `pandas.DataFrame` with a row for each element and the columns `values` and `errors`.

    The index has a level for each dimension: the axis of that name, with the middles of bins, or a running
    number. Other axes, the edges of bins (`NAME_low`, `NAME_high`), errors of axes (`NAME_errors`) and masks
    are columns. `attrs` holds what a table has no place for: units, title, history, text and numbers of the
    metadata, and which axis runs along which dimensions. Nested metadata, Datasets in it and the sources of
    error are lost: in a table the errors are independent.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    GumtreeError
        NAME_TAKEN, LIBRARY_MISSING.

    Warns
    -----
    CorrelationWarning
        Where elements have errors in common.
    """
    pd = library("pandas")
    variances = independent_variances(ds, "to_pandas")
    columns: list[tuple[str, Array]] = [(VALUES, ds.values)]
    if variances is not None:
        columns.append((ERRORS, np.sqrt(variances)))
    units = {VALUES: ds.unit}
    along: dict[str, list[str]] = {}
    levels = {}
    for name, axis in ds.axes.items():
        units[name], along[name] = axis.unit, list(axis.dims or ())
        centers = axis.centers
        if axis.dims == (name,) and len(np.unique(centers)) == centers.size:
            levels[name] = centers
        else:
            columns.append((name, _spread(ds, axis, centers)))
        if axis.edges is not None:
            low, high = halves(axis)
            columns += [(name + _LOW, _spread(ds, axis, low)), (name + _HIGH, _spread(ds, axis, high))]
        elif axis.errors is not None:
            columns.append((f"{name}_{ERRORS}", _spread(ds, axis, axis.errors)))
    columns += list(ds.masks.items())
    check_names([name for name, _ in columns] + list(levels), "A table")
    table = {name: np.ascontiguousarray(column).reshape(-1) for name, column in columns}
    if ds.ndim == 0:
        index = pd.RangeIndex(1)
    elif ds.ndim == 1:
        (dim,) = ds.dims
        index = pd.Index(levels[dim], name=dim) if dim in levels else pd.RangeIndex(ds.size, name=dim)
    else:
        names = [levels.get(dim, np.arange(length)) for dim, length in ds.sizes.items()]
        index = pd.MultiIndex.from_product(names, names=ds.dims)
    frame = pd.DataFrame(table, index=index)
    frame.attrs = {
        "title": ds.title,
        "units": {name: unit for name, unit in units.items() if unit},
        "dims": {"": list(ds.dims), **along},
        "history": list(ds.history),
        "metadata": {name: value for name, value in ds.metadata.items() if is_plain(value)},
    }
    return frame


def _spread(ds: Dataset, axis: Axis, array: Array) -> Array:
    """A coordinate at each element."""
    dims = axis.dims or ()
    order = sorted(range(len(dims)), key=lambda k: ds.dims.index(dims[k]))
    places = {dims[k]: k for k in order}
    return np.broadcast_to(rearrange(array, [places.get(d) for d in ds.dims]), ds.shape)


def from_pandas(table: Any, units: Mapping[str, str] | None = None) -> Dataset:
    """Make a Dataset of a `pandas.DataFrame` or a `pandas.Series`.

    The opposite of `to_pandas`; each element's error is a source of its own. Of another table, the column
    `values`, or the only one, is taken, `errors` are its standard deviations; each level of the index is a
    dimension; columns of booleans are masks, other columns of numbers or times axes, and all else is left
    out, which the history says.

    Parameters
    ----------
    table
        Has a row for each combination of the index's levels, in any order.
    units
        By column or level; without it, those that `to_pandas` noted.

    Raises
    ------
    GumtreeError
        BAD_VALUES, BAD_TABLE, UNKNOWN_UNIT, BAD_AXIS, LIBRARY_MISSING.
    """
    pd = library("pandas")
    if isinstance(table, pd.Series):
        table = table.to_frame(VALUES if table.name is None else table.name)
    if not isinstance(table, pd.DataFrame):
        raise GumtreeError("BAD_VALUES", f"from_pandas takes a table of pandas, not {type(table).__name__}.")
    noted = table.attrs
    units = {**noted.get("units", {}), **(units or {})}
    along = noted.get("dims", {})
    columns = {str(name): table[name].to_numpy() for name in table.columns}
    main = _main(columns)
    scalar = along.get("") == [] and len(table) == 1
    dims, levels, shape, order = ((), {}, (), np.arange(1)) if scalar else _layout(pd, table.index)
    known_edges = {name for name in (*columns, *levels) if {name + _LOW, name + _HIGH} <= set(columns)}
    arrays = {name: column[order].reshape(shape) for name, column in columns.items()}
    axes: dict[str, Axis] = {}
    masks = {}
    history = [text_of(line) for line in noted.get("history", ())]
    for name, array in {**levels, **arrays}.items():
        base = name.removesuffix(f"_{ERRORS}").removesuffix(_LOW).removesuffix(_HIGH)
        if name in (main, ERRORS) or (name != base and base in {*columns, *levels}):
            continue
        if array.dtype == np.bool_:
            masks[name] = array
            continue
        if array.dtype.kind not in "iufMm":
            history.append(f"from_pandas: '{name}' ({array.dtype}) left out")
            continue
        own = (name,) if name in levels else tuple(along.get(name, dims))
        lead = tuple(slice(None) if d in own else 0 for d in dims)
        edges = None
        if name in known_edges:
            edges = _edges(arrays[name + _LOW][lead], arrays[name + _HIGH][lead])
        errors = arrays.get(f"{name}_{ERRORS}")
        inside = tuple(d for d in dims if d in own)
        axes[name] = Axis(
            edges if edges is not None else array if name in levels else array[lead],
            units.get(name, ""),
            inside,
            None if errors is None or edges is not None else errors[lead],
        )
    spread = arrays.get(ERRORS) if main != ERRORS else None
    return Dataset(
        arrays[main],
        None if spread is None else np.square(spread),
        dims=dims,
        axes=axes,
        unit=units.get(main, ""),
        masks=masks,
        metadata=noted.get("metadata", {}),
        title=text_of(noted.get("title")) or ("" if main == VALUES else main),
        history=history,
    )


def _main(columns: Mapping[str, Array]) -> str:
    if VALUES in columns:
        return VALUES
    others = [n for n, column in columns.items() if n != ERRORS and column.dtype.kind in "iuf"]
    if len(others) != 1:
        raise GumtreeError(
            "BAD_VALUES",
            f"The table has the columns {list(columns)}; name the one that holds the data 'values'.",
        )
    return others[0]


def _layout(pd: Any, index: Any) -> tuple[tuple[str, ...], dict[str, Array], tuple[int, ...], Array]:
    """Dimensions, their coordinates, shape, and the rows in C order."""
    levels: dict[str, Array] = {}
    if not isinstance(index, pd.MultiIndex):
        dim = str(index.name or "x")
        if not (isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1):
            levels[dim] = index.to_numpy()
        return (dim,), levels, (len(index),), np.arange(len(index))
    dims = tuple(str(name or f"dim_{k}") for k, name in enumerate(index.names))
    place = np.zeros(len(index), dtype=np.intp)
    shape = []
    for k, dim in enumerate(dims):
        codes, unique = pd.factorize(index.get_level_values(k))
        place = place * len(unique) + codes
        shape.append(len(unique))
        coordinate = unique.to_numpy()
        if not np.array_equal(coordinate, np.arange(len(unique))):
            levels[dim] = coordinate
    order = np.argsort(place, kind="stable")
    if not np.array_equal(place[order], np.arange(int(np.prod(shape)))):
        raise GumtreeError(
            "BAD_TABLE",
            f"The table of {len(index)} rows does not have each combination of {dims} {tuple(shape)} once;"
            " fill in what is missing with reindex(), or drop what is there twice.",
        )
    return dims, levels, tuple(shape), order


def _edges(low: Array, high: Array) -> Array | None:
    """The edges of bins that follow one another without gaps along one dimension."""
    for axis in range(low.ndim):
        length = low.shape[axis]
        upper, lower = np.take(high, range(length - 1), axis), np.take(low, range(1, length), axis)
        if length and np.array_equal(upper, lower):
            return np.concatenate([np.take(low, [0], axis), high], axis=axis)
    return None
