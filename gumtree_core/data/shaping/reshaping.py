"""Dimensions made, split, merged and removed; the axes, masks, metadata and errors keep their elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gumtree_core.data import checks
from gumtree_core.data.axis import Axis
from gumtree_core.data.metadata import along, follow
from gumtree_core.data.propagation.selection import (
    Array,
    Selection,
    Shape,
    rearrange,
)
from gumtree_core.data.propagation.uncertainty import Term, Uncertainty
from gumtree_core.data.shaping import indexing
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset

NEW = "new"
"""The name of a dimension that np.newaxis makes."""


def fresh(dims: Sequence[str], name: str = NEW) -> str:
    """Give a name that no dimension has."""
    names = (name, *(f"{name}_{k}" for k in range(2, len(dims) + 3)))
    return next(candidate for candidate in names if candidate not in dims)


def expand_dims(ds: Dataset, dim: str, at: int = 0) -> Dataset:
    """Insert a dimension of length 1; a view.

    Parameters
    ----------
    dim
        Its name.
    at
        Its place among the dimensions of the result; negative from the end.

    Raises
    ------
    GumtreeError
        BAD_DIMENSIONS.
    """
    if not -ds.ndim - 1 <= at <= ds.ndim:
        raise GumtreeError("BAD_DIMENSIONS", f"{ds.name} has {ds.ndim} dimensions; {at} is no place for one.")
    at %= ds.ndim + 1
    dims = (*ds.dims[:at], dim, *ds.dims[at:])
    checks.unique(dims)
    places = [*range(at), None, *range(at, ds.ndim)]
    return ds.derive(
        values=rearrange(ds.values, places),
        dims=dims,
        uncertainty=ds.uncertainty.rearranged(places),
        masks={name: rearrange(mask, places) for name, mask in ds.raw_masks.items()},
    )


def squeeze(ds: Dataset, dims: str | Sequence[str] | None = None) -> Dataset:
    """Remove dimensions of length 1, all by default; a view. Their coordinates stay as single numbers.

    Raises
    ------
    GumtreeError
        BAD_DIMENSIONS, UNKNOWN_DIMENSION.
    """
    if dims is None:
        dims = [name for name, length in ds.sizes.items() if length == 1]
    names = (dims,) if isinstance(dims, str) else tuple(dims)
    for name in names:
        if ds.shape[indexing.position(ds, name)] != 1:
            raise GumtreeError(
                "BAD_DIMENSIONS", f"The dimension '{name}' of {ds.name} has {ds.sizes[name]} elements, not 1."
            )
    return indexing.select(ds, dict.fromkeys(names, 0)) if names else ds


def broadcast(ds: Dataset, dim: str, length: int) -> Dataset:
    """Repeat a Dataset along a new first dimension; a view, and all repetitions are one source of error."""
    raised = expand_dims(ds, dim)
    return raised.derive(values=np.broadcast_to(raised.values, (length, *ds.shape)))


def split_dimension(ds: Dataset, sizes: Mapping[str, int], dim: str | None = None) -> Dataset:
    """Make several dimensions of one, in C order; a view.

    An axis along it runs along all of the new ones; bin edges become edges along the last.

    Parameters
    ----------
    sizes
        Names and lengths of the new dimensions; one length may be -1, for what is left.
    dim
        The dimension to split; of a 1-D Dataset it need not be named.

    Raises
    ------
    GumtreeError
        BAD_DIMENSIONS, UNKNOWN_DIMENSION.
    """
    if dim is None:
        if ds.ndim != 1:
            raise GumtreeError(
                "BAD_DIMENSIONS", f"Say which of the dimensions {ds.dims} of {ds.name} is to be split."
            )
        (dim,) = ds.dims
    at = indexing.position(ds, dim)
    names, lengths = tuple(sizes), _lengths(ds, dim, sizes)
    dims = (*ds.dims[:at], *names, *ds.dims[at + 1 :])
    checks.unique(dims)
    own = {dim: ds.sizes[dim]}
    return ds.derive(
        values=_divided(ds.values, at, lengths),
        dims=dims,
        uncertainty=Uncertainty(tuple(_divided_term(t, at, lengths) for t in ds.uncertainty.terms)),
        axes={k: _divided_axis(a, dim, names, lengths) for k, a in ds.axes.items()},
        masks={k: _divided(mask, at, lengths) for k, mask in ds.raw_masks.items()},
        metadata=follow(ds.metadata, own, lambda value: split_dimension(value, sizes, dim)),
    )


def _lengths(ds: Dataset, dim: str, sizes: Mapping[str, int]) -> Shape:
    length, given = ds.sizes[dim], list(sizes.values())
    known = prod(n for n in given if n != -1)
    if given.count(-1) == 1 and known > 0 and length % known == 0:
        given = [length // known if n == -1 else n for n in given]
    if not given or any(not isinstance(n, int | np.integer) or n < 0 for n in given) or prod(given) != length:
        raise GumtreeError(
            "BAD_DIMENSIONS",
            f"The {length} elements of {ds.name} along '{dim}' do not make {dict(sizes)}; the lengths are to"
            " multiply to their number.",
        )
    return tuple(given)


def _divided(array: Array, at: int, lengths: Shape) -> Array:
    new = (1,) * len(lengths) if array.shape[at] == 1 else lengths
    return array.reshape(*array.shape[:at], *new, *array.shape[at + 1 :])


def _divided_term(term: Term, at: int, lengths: Shape) -> Term:
    selection = term.selection
    if selection.table is None:
        stride = selection.strides[at]
        new = [stride * prod(lengths[k + 1 :]) if n > 1 else 0 for k, n in enumerate(lengths)]
        strides = (*selection.strides[:at], *new, *selection.strides[at + 1 :])
        selection = Selection(selection.offset, strides)
    else:
        selection = Selection.of_table(_divided(selection.table, at, lengths))
    return Term(term.source, selection, _divided(term.coefficient, at, lengths))


def _divided_axis(axis: Axis, dim: str, names: tuple[str, ...], lengths: Shape) -> Axis:
    dims = axis.dims or ()
    if dim not in dims:
        return axis
    at = dims.index(dim)

    def divided(array: Array) -> Array:
        if axis.edges != dim:
            return array.reshape(*array.shape[:at], *lengths, *array.shape[at + 1 :])
        # The upper edge of a row's last bin is the lower edge of the next row's first.
        first = (lengths[-1] * np.arange(prod(lengths[:-1]))).reshape(*lengths[:-1], 1)
        return np.take(array, first + np.arange(lengths[-1] + 1), axis=at)

    return Axis(
        divided(axis.values),
        axis.unit,
        (*dims[:at], *names, *dims[at + 1 :]),
        None if axis.errors is None else divided(axis.errors),
        axis.title,
        names[-1] if axis.edges == dim else axis.edges,
    )


def flatten(ds: Dataset, dims: Sequence[str] | None = None, to: str = "element") -> Dataset:
    """Make one dimension of several, in C order of the names as given; a view where NumPy's memory allows.

    The new dimension has the place of the first of them. An axis along some of them is repeated along the
    others; edges of bins stay edges where each row continues the one before, and become middles otherwise.

    Parameters
    ----------
    dims
        All by default.
    to
        Name of the new dimension.

    Raises
    ------
    GumtreeError
        BAD_DIMENSIONS, UNKNOWN_DIMENSION.
    """
    merged = ds.dims if dims is None else (dims,) if isinstance(dims, str) else tuple(dims)
    places = [indexing.position(ds, name) for name in merged]
    checks.unique(merged)
    if not merged:
        return expand_dims(ds, to)
    rest = [name for name in ds.dims if name not in merged]
    at = sum(place < min(places) for place in range(ds.ndim) if ds.dims[place] in rest)
    ordered = ds.transpose(*rest[:at], *merged, *rest[at:])
    lengths = ordered.shape[at : at + len(merged)]
    result_dims = (*rest[:at], to, *rest[at:])
    checks.unique(result_dims)
    sizes = dict(zip(merged, lengths, strict=True))
    terms = tuple(_merged_term(term, at, lengths, ordered.shape) for term in ordered.uncertainty.terms)
    return ordered.derive(
        values=_merged(ordered.values, at, lengths),
        dims=result_dims,
        uncertainty=Uncertainty(terms),
        axes={name: _merged_axis(axis, sizes, to) for name, axis in ds.axes.items()},
        masks={name: _merged(mask, at, lengths) for name, mask in ordered.raw_masks.items()},
        metadata=follow(ds.metadata, sizes, lambda value: _merged_metadata(value, sizes, to)),
    )


def _merged(array: Array, at: int, lengths: Shape) -> Array:
    end = at + len(lengths)
    if all(n == 1 for n in array.shape[at:end]):
        return array.reshape(*array.shape[:at], 1, *array.shape[end:])
    array = np.broadcast_to(array, (*array.shape[:at], *lengths, *array.shape[end:]))
    return array.reshape(*array.shape[:at], prod(lengths), *array.shape[end:])


def _merged_term(term: Term, at: int, lengths: Shape, shape: Shape) -> Term:
    selection, end = term.selection, at + len(lengths)
    run = [(s, n) for s, n in zip(selection.strides[at:end], lengths, strict=True) if n > 1]
    regular = all(s == t * m for (s, _), (t, m) in pairwise(run))
    if selection.table is None and regular:
        last = run[-1][0] if run else 0
        selection = Selection(selection.offset, (*selection.strides[:at], last, *selection.strides[end:]))
    else:
        selection = Selection.of_table(_merged(selection.index(shape), at, lengths))
    return Term(term.source, selection, _merged(term.coefficient, at, lengths))


def _merged_axis(axis: Axis, sizes: Mapping[str, int], to: str) -> Axis:
    dims = axis.dims or ()
    own = [name for name in sizes if name in dims]
    if not own:
        return axis
    rest = [name for name in dims if name not in own]
    order = [dims.index(name) for name in (*rest, *own)]
    lead = len(rest)
    if axis.edges in own:
        joined = (
            _joined_edges(axis.values.transpose(order), lead)
            if own == list(sizes) and axis.edges == own[-1]
            else None
        )
        if joined is not None:
            return Axis(joined, axis.unit, (*rest, to), None, axis.title, to)
    missing = tuple(slice(None) if name in own else np.newaxis for name in sizes)

    def full(array: Array) -> Array:
        spread = array.transpose(order)[(*(slice(None),) * lead, *missing)]
        return np.broadcast_to(spread, (*spread.shape[:lead], *sizes.values())).reshape(
            *spread.shape[:lead], prod(sizes.values())
        )

    errors = None if axis.errors is None or axis.edges in own else full(axis.errors)
    edges = None if axis.edges in own else axis.edges
    values = axis.centers if axis.edges in own else axis.values
    return Axis(full(values), axis.unit, (*rest, to), errors, axis.title, edges)


def _joined_edges(edges: Array, lead: int) -> Array | None:
    rows = edges.reshape(*edges.shape[:lead], prod(edges.shape[lead:-1]), edges.shape[-1])
    if not rows.shape[-2] or not np.array_equal(rows[..., :-1, -1], rows[..., 1:, 0]):
        return None
    first = rows[..., :1, 0]
    rest = rows[..., 1:].reshape(*edges.shape[:lead], -1)
    return np.concatenate([first, rest], axis=-1)


def _merged_metadata(value: Dataset, sizes: Mapping[str, int], to: str) -> Dataset:
    own = along(value, sizes)
    for name, length in sizes.items():
        if name not in own:
            value = broadcast(value, name, length)
    return flatten(value, tuple(sizes), to)


def divide(ds: Dataset, sections: int | Sequence[int], dim: str | None = None) -> list[Dataset]:
    """Cut into parts along a dimension, as `numpy.split` does; views.

    Parameters
    ----------
    sections
        A number of equal parts, or the indices at which each part but the first begins.
    dim
        The first by default.

    Raises
    ------
    GumtreeError
        BAD_INDEX where the parts would not be equal; UNKNOWN_DIMENSION.
    """
    at = 0 if dim is None and ds.ndim else indexing.position(ds, dim or "")
    name, length = ds.dims[at], ds.shape[at]
    if isinstance(sections, int | np.integer):
        if sections < 1 or length % sections:
            raise GumtreeError(
                "BAD_INDEX",
                f"The {length} elements of {ds.name} along '{name}' do not make {sections} equal parts; give"
                " the indices where to cut, or use numpy.array_split.",
            )
        sections = [int(length // sections) * k for k in range(1, int(sections))]
    given = np.asarray(sections)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise GumtreeError("BAD_INDEX", f"Cuts are a number of parts or a list of indices, not {sections!r}.")
    cuts = [int(cut) for cut in given]
    bounds = zip([0, *cuts], [*cuts, length], strict=True)
    return [indexing.get(ds, (name, slice(start, stop))) for start, stop in bounds]


def array_split(ds: Dataset, sections: Any, dim: str) -> list[Dataset]:
    """Cut into nearly equal parts, as `numpy.array_split` does."""
    if isinstance(sections, int | np.integer) and sections > 0:
        length = ds.sizes[dim]
        sizes = [length // sections + int(k < length % sections) for k in range(int(sections))]
        sections = list(accumulate(sizes))[:-1]
    return divide(ds, sections, dim)
