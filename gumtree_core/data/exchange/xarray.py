"""Datasets as xarray's and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from gumtree_core.data.axis import Axis
from gumtree_core.data.dataset import Dataset
from gumtree_core.data.exchange.common import check_names, fitting, independent_variances, library, text_of
from gumtree_core.data.propagation.selection import Array
from gumtree_core.errors import GumtreeError

VALUES, ERRORS = "values", "errors"
_ROLE = "role"
_OWN = ("title", "history")


def to_xarray(ds: Dataset) -> Any:
    """Make an `xarray.Dataset` with the variables `values` and `errors` (standard deviations).

    Units and titles are attributes (`units`, `long_name`); axes are coordinates, with their errors as
    `NAME_errors`. Bin edges follow the CF conventions: the coordinate holds the middles, `NAME_bounds` the
    two edges of each bin. Masks are boolean variables; metadata that are Datasets along the data's
    dimensions are coordinates, all other metadata attributes, as is the history (one operation a line).
    xarray knows no sources of error: what it computes from `errors` is the user's own.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    GumtreeError
        NAME_TAKEN, LIBRARY_MISSING.

    Warns
    -----
    CorrelationWarning
        Where elements have errors in common.
    """
    xr = library("xarray")
    errors = None if independent_variances(ds, "to_xarray") is None else ds.errors
    data: dict[str, Any] = {VALUES: (ds.dims, ds.values, _described(ds.unit, ds.title))}
    if errors is not None:
        data[VALUES][2]["ancillary_variables"] = ERRORS
        data[ERRORS] = (ds.dims, errors, _described(ds.unit, "standard deviation"))
    masks = {name: (ds.dims, mask, {_ROLE: "mask"}) for name, mask in ds.masks.items()}
    coords: dict[str, Any] = {}
    names = [*data, *masks]
    for name, axis in ds.axes.items():
        for key, variable in _coordinates(name, axis).items():
            coords[key] = variable
            names.append(key)
    for name, value in fitting(ds).items():
        described = {**_described(value.unit, value.title), _ROLE: "metadata"}
        coords[name] = (value.dims, value.values, described)
        names.append(name)
        if value.errors is not None:
            independent_variances(value, "to_xarray")
            coords[f"{name}_{ERRORS}"] = (value.dims, value.errors, {_ROLE: ERRORS})
            names.append(f"{name}_{ERRORS}")
    check_names(names, "xarray")
    check_names([*(name for name in ds.metadata if name not in coords), *_OWN], "xarray")
    attributes = {name: value for name, value in ds.metadata.items() if name not in coords}
    own = {"title": ds.title, "history": "\n".join(ds.history)}
    try:
        return xr.Dataset(
            {**data, **masks}, coords, {**attributes, **{name: value for name, value in own.items() if value}}
        )
    except ValueError as error:
        raise GumtreeError(
            "NAME_TAKEN",
            f"xarray cannot hold {ds.name}: {text_of(error).rstrip('.')}; rename an axis or a dimension.",
        ) from error


def _described(unit: str, title: str) -> dict[str, Any]:
    return {name: text for name, text in (("units", unit), ("long_name", title)) if text}


def _coordinates(name: str, axis: Axis) -> dict[str, Any]:
    dims, described = axis.dims or (), _described(axis.unit, axis.title)
    made: dict[str, Any] = {name: (dims, axis.centers, described)}
    errors = axis.errors
    if axis.edges is not None:
        low, high = halves(axis)
        described["bounds"] = f"{name}_bounds"
        made[f"{name}_bounds"] = ((*dims, "bounds"), np.stack([low, high], axis=-1), {_ROLE: "bounds"})
        if errors is not None:  # which belong to the edges
            low, high = halves(Axis(errors, dims=axis.dims, edges=axis.edges))
            made[f"{name}_{ERRORS}"] = ((*dims, "bounds"), np.stack([low, high], axis=-1), {_ROLE: ERRORS})
    elif errors is not None:
        made[f"{name}_{ERRORS}"] = (dims, errors, {_ROLE: ERRORS})
    return made


def halves(axis: Axis) -> tuple[Array, Array]:
    """Give the lower and the upper edge of each bin."""
    lead = (slice(None),) * (axis.dims or ()).index(axis.edges or "")
    return axis.values[(*lead, slice(None, -1))], axis.values[(*lead, slice(1, None))]


def from_xarray(given: Any) -> Dataset:
    """Make a Dataset of an `xarray.Dataset` or a `xarray.DataArray`.

    The opposite of `to_xarray`; each element's error is a source of its own. Of another Dataset of xarray,
    the variable `values`, or the only one, is taken. Coordinates of numbers or times become axes, with bin
    edges where they have CF bounds without gaps; others are left out, and the history says so.

    Raises
    ------
    GumtreeError
        BAD_VALUES, UNKNOWN_UNIT, BAD_AXIS, LIBRARY_MISSING.
    """
    xr = library("xarray")
    if isinstance(given, xr.DataArray):
        given = given.to_dataset(name=VALUES).assign_attrs(
            {k: v for k, v in given.attrs.items() if k not in ("units", "ancillary_variables")}
            | ({"title": str(given.name)} if given.name else {})
        )
    if not isinstance(given, xr.Dataset):
        raise GumtreeError("BAD_VALUES", f"from_xarray takes what xarray makes, not {type(given).__name__}.")
    data = given[_main(given)]
    dims = tuple(str(d) for d in data.dims)
    order = given.transpose(*data.dims, ...)
    axes: dict[str, Axis] = {}
    metadata: dict[str, Any] = {}
    history = [line for line in text_of(given.attrs.get("history")).split("\n") if line]
    for key, coord in order.coords.items():
        name, role = str(key), coord.attrs.get(_ROLE)
        if role in ("bounds", ERRORS) or any(
            coord.name == c.attrs.get("bounds") for c in order.coords.values()
        ):
            continue
        numbers = coord.dtype.kind in "biufM" + ("" if role == "metadata" else "m")
        if not numbers or not set(coord.dims) <= set(data.dims):
            history.append(f"from_xarray: '{name}' ({coord.dtype}) left out")
        elif role == "metadata":
            spread = order.get(f"{name}_{ERRORS}")
            metadata[name] = Dataset(
                coord.values,
                None if spread is None else spread.values**2,
                dims=tuple(str(d) for d in coord.dims),
                unit=text_of(coord.attrs.get("units")),
                title=text_of(coord.attrs.get("long_name")),
            )
        else:
            axes[name] = _axis(order, coord)
    masks = {
        str(name): np.broadcast_to(variable.transpose(*data.dims, missing_dims="ignore").values, data.shape)
        for name, variable in given.data_vars.items()
        if variable.attrs.get(_ROLE) == "mask"
    }
    metadata.update({str(k): v for k, v in given.attrs.items() if k not in _OWN})
    return Dataset(
        data.values,
        given[ERRORS].transpose(*data.dims).values ** 2 if ERRORS in given and data.name != ERRORS else None,
        dims=dims,
        axes=axes,
        unit=text_of(data.attrs.get("units")),
        masks=masks,
        metadata=metadata,
        title=text_of(given.attrs.get("title", data.attrs.get("long_name", ""))),
        history=history,
    )


def _main(given: Any) -> Any:
    """The name of the variable that holds the values."""
    if VALUES in given.data_vars:
        return VALUES
    others = [n for n, v in given.data_vars.items() if n != ERRORS and v.attrs.get(_ROLE) != "mask"]
    if len(others) != 1:
        raise GumtreeError(
            "BAD_VALUES",
            f"The xarray.Dataset holds {others}; give one of them, such as from_xarray(xds['I']).",
        )
    return others[0]


def _axis(given: Any, coord: Any) -> Axis:
    dims = tuple(str(d) for d in coord.dims)
    spread = given.get(f"{coord.name}_{ERRORS}")
    values, errors, edges = coord.values, None if spread is None else spread.values, None
    bounds = given.get(coord.attrs.get("bounds"))
    if bounds is not None and bounds.ndim == coord.ndim + 1 and bounds.shape[-1] == 2:
        for position, dim in enumerate(dims):
            joined = _joined(bounds.values, position)
            if joined is not None:
                values, edges = joined, dim
                errors = None if errors is None else _joined(errors, position)
                break
    if errors is not None and errors.ndim > values.ndim:  # of edges that are no longer there
        errors = np.hypot(errors[..., 0], errors[..., 1]) / 2
    unit, title = text_of(coord.attrs.get("units")), text_of(coord.attrs.get("long_name"))
    return Axis(values, unit if values.dtype.kind not in "Mm" else "", dims, errors, title, edges)


def _joined(bounds: Array, position: int) -> Array | None:
    """The edges of bins (..., 2) that follow one another without gaps along a dimension; else None."""
    low, high = bounds[..., 0], bounds[..., 1]
    length = low.shape[position]
    if not length:
        return None
    first, last = (np.take(low, range(n, m), position) for n, m in ((0, 1), (1, length)))
    if not np.array_equal(last, np.take(high, range(length - 1), position)):
        return None
    return np.concatenate([first, high], axis=position)
