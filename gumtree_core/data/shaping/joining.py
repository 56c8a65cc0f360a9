"""Datasets one after another along a dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np

from gumtree_core.data.axis import Axis, place
from gumtree_core.data.dataset import Dataset
from gumtree_core.data.propagation.folding import join
from gumtree_core.data.propagation.selection import Array
from gumtree_core.data.shaping.reshaping import expand_dims
from gumtree_core.errors import GumtreeError


def concatenate(parts: Sequence[Dataset], dim: str) -> Dataset:
    """Put Datasets one after another along a dimension that they have.

    Units are converted to the first's. Axes along `dim` are joined, bin edges where one part ends at the edge
    that the next begins with; other axes agree. Metadata that runs along `dim` is
    joined too; of other metadata, what is the same in all parts remains.

    Raises
    ------
    GumtreeError
        NO_ELEMENTS, DIMENSION_MISMATCH, AXIS_MISMATCH, UNIT_MISMATCH.
    """
    first = _first(parts)
    if dim not in first.dims:
        raise GumtreeError(
            "UNKNOWN_DIMENSION", f"{first.name} has no dimension '{dim}'; use stack() for a new one."
        )
    parts = [part.to(first.unit) for part in parts]
    sizes = {name: n for name, n in first.sizes.items() if name != dim}
    for part in parts:
        if part.dims != first.dims or any(part.sizes[name] != n for name, n in sizes.items()):
            raise GumtreeError(
                "DIMENSION_MISMATCH",
                f"{part.name} with {part.sizes} cannot follow {first.name} with {first.sizes} along '{dim}'.",
            )
    axis = first.dims.index(dim)
    values = np.concatenate([part.values for part in parts], axis)
    entry = f"{len(parts)} parts joined along {dim}"
    return first.derive(
        values=values,
        uncertainty=join([(part.uncertainty, part.shape) for part in parts], axis, entry),
        axes=_joined_axes(parts, dim, values.shape),
        masks=_joined_masks(parts, axis),
        metadata=_joined_metadata([part.metadata for part in parts], parts, dim),
        history=(*first.history, entry),
    )


def stack(parts: Sequence[Dataset], dim: str, axis: Any = None) -> Dataset:
    """Put Datasets of one shape side by side along a new first dimension.

    Parameters
    ----------
    parts
        At least one.
    dim
        Name of the new dimension.
    axis
        Its coordinates, one for each part, under the name `dim`.

    Raises
    ------
    GumtreeError
        As `concatenate`; BAD_AXIS.
    """
    first = _first(parts)
    if dim in first.dims:
        raise GumtreeError(
            "BAD_DIMENSIONS", f"{first.name} has a dimension '{dim}' already; use concatenate()."
        )
    joined = concatenate([expand_dims(part, dim) for part in parts], dim)
    return (
        joined
        if axis is None
        else joined.replace(axes={**joined.axes, dim: place(axis, dim, joined.dims, joined.shape)})
    )


def _first(parts: Sequence[Dataset]) -> Dataset:
    if not parts or not all(isinstance(part, Dataset) for part in parts):
        raise GumtreeError("NO_ELEMENTS", "Joining takes a list of Datasets, at least one.")
    return parts[0]


def _joined_axes(parts: Sequence[Dataset], dim: str, shape: tuple[int, ...]) -> dict[str, Axis]:
    first = parts[0]
    axes: dict[str, Axis] = {}
    for name, axis in first.axes.items():
        if not all(name in part.axes for part in parts):
            continue
        others = [part.axes[name].to(axis.unit) for part in parts]
        if dim in (axis.dims or ()):
            axes[name] = place(_joined_axis(others, dim, name), name, first.dims, shape)
        elif all(axis.same(other) for other in others):
            axes[name] = axis
        elif axis.ndim or any(other.ndim for other in others):
            raise GumtreeError(
                "AXIS_MISMATCH",
                f"The parts to join have different axes '{name}'; rebin them, or replace the axes.",
            )
        else:
            # A coordinate of each part becomes one along the new dimension.
            repeated = [np.repeat(o.values, p.sizes[dim]) for o, p in zip(others, parts, strict=True)]
            axes[name] = Axis(np.concatenate(repeated), axis.unit, (dim,), None, axis.title)
            axes[name] = place(axes[name], name, first.dims, shape)
    return axes


def _joined_axis(axes: Sequence[Axis], dim: str, name: str) -> Axis:
    first = axes[0]
    dims = first.dims or ()
    at = dims.index(dim)
    if first.edges != dim:
        values = np.concatenate([axis.values for axis in axes], at)
        spread = (
            None if any(a.errors is None for a in axes) else np.concatenate([_errors(a) for a in axes], at)
        )
        return Axis(values, first.unit, dims, spread, first.title)
    pieces: list[Array] = [first.values]
    for before, axis in pairwise(axes):
        end, start = np.take(before.values, -1, at), np.take(axis.values, 0, at)
        if not np.allclose(end, start, rtol=1e-9, atol=0):
            raise GumtreeError(
                "AXIS_MISMATCH",
                f"The bins of '{name}' do not follow each other: one part ends at {end}, the next begins at"
                f" {start}.",
            )
        pieces.append(np.take(axis.values, range(1, axis.values.shape[at]), at))
    return Axis(np.concatenate(pieces, at), first.unit, dims, None, first.title)


def _errors(axis: Axis) -> Array:
    assert axis.errors is not None
    return axis.errors


def _joined_masks(parts: Sequence[Dataset], axis: int) -> dict[str, Any]:
    names = dict.fromkeys(name for part in parts for name in part.raw_masks)
    none = np.zeros((), dtype=np.bool_)
    return {
        name: np.concatenate(
            [np.broadcast_to(part.raw_masks.get(name, none), part.shape) for part in parts], axis
        )
        for name in names
    }


def _joined_metadata(
    given: Sequence[Mapping[str, Any]], parts: Sequence[Dataset], dim: str
) -> dict[str, Any]:
    """Join what runs along the dimension in all parts; keep of the rest what is the same in all."""
    result: dict[str, Any] = {}
    for name, value in given[0].items():
        if not all(name in other for other in given):
            continue
        values = [other[name] for other in given]
        if all(isinstance(v, Mapping) for v in values):
            result[name] = _joined_metadata(values, parts, dim)
        elif all(
            isinstance(v, Dataset) and v.sizes.get(dim) == part.sizes[dim]
            for v, part in zip(values, parts, strict=True)
        ):
            with suppress(GumtreeError):
                result[name] = concatenate(values, dim)
        elif all(_same(value, other) for other in values):
            result[name] = value
    return result


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other) or isinstance(one, Dataset | np.ndarray):
        return False
    return bool(one == other)
