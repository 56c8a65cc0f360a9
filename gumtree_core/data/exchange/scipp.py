"""Datasets as scipp's DataArrays and back."""

from __future__ import annotations

from math import isclose
from typing import Any

import numpy as np

from gumtree_core.data import units
from gumtree_core.data.axis import Axis
from gumtree_core.data.dataset import Dataset
from gumtree_core.data.exchange.common import (
    check_names,
    fitting,
    independent_variances,
    is_plain,
    library,
    text_of,
)
from gumtree_core.data.propagation.selection import Array
from gumtree_core.errors import GumtreeError

_KINDS = {"float16": "float32", "float32": "float32", "int32": "int32", "bool": "bool"}
"""What scipp has; all else becomes float64 or int64."""


def to_scipp(ds: Dataset) -> Any:
    """Make a `scipp.DataArray`.

    Values, variances, unit, axes (points or edges, of several dimensions, with errors) and masks are kept;
    the title is the name; metadata that are text, numbers or Datasets along the data's dimensions become
    unaligned coordinates. History, nested metadata and the sources of error have no place in scipp: there,
    the errors are independent. Integers with errors become float64, as scipp's do.

    Returns
    -------
    scipp.DataArray

    Raises
    ------
    GumtreeError
        UNIT_NOT_SHARED, NAME_TAKEN, LIBRARY_MISSING.

    Warns
    -----
    CorrelationWarning
        Where elements have errors in common.
    """
    sc = library("scipp")
    beside = {**fitting(ds), **{n: v for n, v in ds.metadata.items() if is_plain(v)}}
    check_names([*ds.axes, *beside], "scipp")
    data = _variable(sc, ds.values, independent_variances(ds, "to_scipp"), ds.dims, ds.unit)
    coords = {
        name: _variable(sc, a.values, None if a.errors is None else a.errors**2, a.dims or (), a.unit)
        for name, a in ds.axes.items()
    }
    for name, value in beside.items():
        coords[name] = (
            _variable(sc, value.values, independent_variances(value, "to_scipp"), value.dims, value.unit)
            if isinstance(value, Dataset)
            else sc.scalar(value.item() if isinstance(value, np.generic) else value, unit=None)
        )
    masks = {name: sc.array(dims=ds.dims, values=mask) for name, mask in ds.masks.items()}
    made = sc.DataArray(data, coords=coords, masks=masks, name=ds.title)
    for name in beside:
        made.coords.set_aligned(name, False)
    return made


def from_scipp(array: Any) -> Dataset:
    """Make a Dataset of a `scipp.DataArray` or a `scipp.Variable`.

    The opposite of `to_scipp`; each element's error is a source of its own. Unaligned coordinates become
    metadata; coordinates that are neither numbers nor times, such as vectors, are left out, and the history
    says so.

    Raises
    ------
    GumtreeError
        BINNED_DATA, UNIT_NOT_SHARED, BAD_VALUES, BAD_AXIS, LIBRARY_MISSING.
    """
    sc = library("scipp")
    if isinstance(array, sc.Variable):
        array = sc.DataArray(array)
    if not isinstance(array, sc.DataArray):
        raise GumtreeError(
            "BAD_VALUES", f"from_scipp takes a DataArray or a Variable, not {type(array).__name__}."
        )
    if array.is_binned:
        raise GumtreeError(
            "BINNED_DATA",
            f"{array.name or 'The DataArray'} holds events in bins; histogram them first: array.hist().",
        )
    axes: dict[str, Axis] = {}
    metadata: dict[str, Any] = {}
    left_out = []
    for name, coord in array.coords.items():
        content = _content(sc, coord)
        if content is None:
            left_out.append(f"from_scipp: '{name}' ({coord.dtype}) left out")
        elif isinstance(content, str):
            metadata[name] = content
        elif coord.aligned and not (coord.ndim == 0 and coord.unit is None):
            spread = None if coord.variances is None else np.sqrt(coord.variances)
            axes[name] = Axis(content, _our_unit(coord), tuple(coord.dims), spread)
        elif coord.unit is None and coord.ndim == 0 and coord.variance is None:
            metadata[name] = content.item()
        elif _fits(coord, array):
            metadata[name] = Dataset(
                content, coord.variances, dims=tuple(coord.dims), unit=_our_unit(coord), title=name
            )
        else:
            axes[name] = Axis(content, _our_unit(coord), tuple(coord.dims))
    return Dataset(
        np.asarray(array.values),
        None if array.variances is None else np.asarray(array.variances),
        dims=tuple(array.dims),
        axes=axes,
        unit=_our_unit(array.data),
        masks={name: _mask(sc, mask, array) for name, mask in array.masks.items()},
        metadata=metadata,
        title=text_of(array.name),
        history=left_out,
    )


def _variable(sc: Any, values: Array, variances: Array | None, dims: tuple[str, ...], unit: str) -> Any:
    if values.dtype.kind == "m":
        unit, values = np.datetime_data(values.dtype)[0], values.astype(np.int64)
    if values.dtype.kind == "M":
        return sc.array(dims=dims, values=values) if dims else sc.scalar(values[()])
    wider = "float64" if values.dtype.kind == "f" or variances is not None else "int64"
    kind = _KINDS.get(values.dtype.name, wider)
    if variances is not None and not kind.startswith("float"):
        kind = "float64"
    if values.dtype == np.uint64 and kind == "int64" and values.max(initial=0) > np.iinfo(np.int64).max:
        kind = "float64"
    theirs = None if kind == "bool" and not unit else _their_unit(sc, unit)
    return sc.array(
        dims=dims, values=np.ascontiguousarray(values, dtype=kind).reshape(values.shape),
        variances=None if variances is None else np.ascontiguousarray(variances, dtype=kind),
        unit=theirs,
    ) if dims else sc.scalar(
        values.astype(kind).item(), variance=None if variances is None else float(variances), unit=theirs,
        dtype=kind,
    )  # fmt: skip


def _their_unit(sc: Any, unit: str) -> Any:
    if not unit:
        return sc.units.one
    try:
        found = sc.Unit(unit)
        same = _same(found, unit)
    except (sc.UnitError, ValueError, GumtreeError):
        same = False
    if not same:
        raise GumtreeError(
            "UNIT_NOT_SHARED",
            f"The unit '{unit}' has no counterpart in scipp; convert with to(), or rename with"
            " replace(unit=).",
        )
    return found


def _our_unit(variable: Any) -> str:
    unit = variable.unit
    if unit is None or unit == "one" or variable.dtype == "datetime64":
        return ""
    text = str(unit)
    try:
        found = units.canonical(text)
        same = _same(unit, found)
    except GumtreeError:
        same = False
    if not same:
        raise GumtreeError(
            "UNIT_NOT_SHARED", f"scipp's unit '{text}' is not known here; convert it with scipp's to() first."
        )
    return found


def _same(theirs: Any, ours: str) -> bool:
    """Whether two units measure the same in the same size: spellings such as 'u' or 'A' may differ."""
    form = theirs.to_dict()
    if set(form) - {"__version__", "multiplier", "powers"}:
        return False
    base = "*".join(f"{name}^{power}" for name, power in form.get("powers", {}).items())
    found = units.conversion(ours, units.canonical(base))
    return found is not None and found[1] == 0 and isclose(found[0], form["multiplier"], rel_tol=1e-9)


def _content(sc: Any, coord: Any) -> Array | str | None:
    """Numbers, times or a text; None for what has no place in a Dataset."""
    if coord.bins is not None:
        return None
    if coord.dtype == sc.DType.string and coord.ndim == 0:
        return str(coord.value)
    if coord.dtype == sc.DType.PyObject or coord.dtype == sc.DType.string:
        return None
    values = np.asarray(coord.values)
    return values if values.dtype.kind in "biufM" and values.ndim == coord.ndim else None


def _fits(coord: Any, array: Any) -> bool:
    numbers = np.asarray(coord.values).dtype.kind in "biuf"
    return numbers and all(array.sizes.get(d) == length for d, length in coord.sizes.items())


def _mask(sc: Any, mask: Any, array: Any) -> Array:
    return np.array(sc.broadcast(mask, sizes=array.sizes).values)
