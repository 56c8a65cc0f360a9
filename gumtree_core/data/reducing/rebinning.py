"""Other bins along an axis, where an old bin may lie partly in several new ones.

Counts spread evenly over their bin: a new bin gets the fraction of an old one that it covers, and the error
of that fraction. Two new bins that share an old one are therefore correlated, and the sum and its error stay
what they were. Each new bin is the sum of the old bins that lie inside, a fold without overlaps, and of parts
of at most two that reach beyond, which keep their source; so the errors are exact at any size
where the old bins had none in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data import units
from gumtree_core.data.mathematics.neighbours import coordinates, new_axis, spread
from gumtree_core.data.metadata import without
from gumtree_core.data.propagation.folding import BinSum, fold
from gumtree_core.data.propagation.restricting import restricted
from gumtree_core.data.propagation.selection import (
    Array,
    Selection,
    Selector,
    Shape,
)
from gumtree_core.data.propagation.uncertainty import (
    REMEMBERED,
    Floats,
    Term,
    Uncertainty,
    independent,
)
from gumtree_core.data.reducing import reductions
from gumtree_core.data.reducing.reductions import EMPTY
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


@dataclass(frozen=True)
class Overlap:
    """Which fraction of each old bin lies in each new one.

    Attributes
    ----------
    inside
        (old,), the new bin that an old one lies in, -1 for none.
    partial
        Pairs of (new,) old bins that lie partly in a new one, and (new,) their fractions.
    size
        Number of new bins.
    """

    inside: NDArray[np.intp]
    partial: tuple[tuple[NDArray[np.intp], Floats], ...]
    size: int

    @classmethod
    def of(cls, old: Floats, new: Floats) -> Overlap:
        """Compare the edges of both, in one unit, each growing or falling."""
        reverse_old, reverse_new = old[0] > old[-1], new[0] > new[-1]
        e, b = old[::-1] if reverse_old else old, new[::-1] if reverse_new else new
        n, m = e.size - 1, b.size - 1
        first = np.clip(np.searchsorted(e, b[:-1], "right") - 1, 0, n - 1)
        last = np.clip(np.searchsorted(e, b[1:], "left") - 1, 0, n - 1)

        def fraction(k: NDArray[np.intp]) -> Floats:
            covered = np.minimum(b[1:], e[k + 1]) - np.maximum(b[:-1], e[k])
            return np.asarray(np.maximum(covered, 0.0) / (e[k + 1] - e[k]))

        into = np.searchsorted(b, e[:-1], "right") - 1
        within = (into >= 0) & (into < m) & (e[1:] <= b[np.clip(into + 1, 0, m)])
        inside = np.where(within, into, -1)
        left, right = fraction(first), fraction(last)
        left = np.where(inside[first] == np.arange(m), 0.0, left)
        right = np.where((inside[last] == np.arange(m)) | (last == first), 0.0, right)
        if reverse_old:
            inside, first, last = inside[::-1], n - 1 - first, n - 1 - last
        if reverse_new:
            inside = np.where(inside < 0, -1, m - 1 - inside)
            first, last, left, right = first[::-1], last[::-1], left[::-1], right[::-1]
        parts = tuple((np.asarray(k, dtype=np.intp), f) for k, f in ((first, left), (last, right)) if f.any())
        return cls(inside.astype(np.intp), parts, m)

    def total(self, array: Array, at: int) -> Floats:
        """Sum an array over the old bins along `at`."""
        moved = np.moveaxis(array, at, -1)
        result = np.zeros((*moved.shape[:-1], self.size))
        places = np.flatnonzero(self.inside >= 0)
        if places.size:
            # The old bins inside of a new one follow each other.
            into = self.inside[places]
            starts = np.flatnonzero(np.diff(into, prepend=-1) != 0)
            result[..., into[starts]] = np.add.reduceat(moved[..., places], starts, axis=-1, dtype=np.float64)
        for k, share in self.partial:
            used = np.flatnonzero(share)
            result[..., used] += moved[..., k[used]] * share[used]
        return np.moveaxis(result, -1, at)


def rebin(ds: Dataset, axis: str, edges: Any, density: bool = False) -> Dataset:
    """Distribute counts, or average a density, over other bins.

    Parameters
    ----------
    ds
        Of any shape, with bin edges along `axis`, an axis of one dimension.
    axis
        Its name.
    edges
        The new edges, growing or falling: an array in the axis' unit, or an Axis or Dataset in their own.
    density
        False: the values are amounts, such as counts, and their sum is conserved. True: they are averages or
        amounts per unit of the axis, such as a rate or an intensity; values times width are conserved, which
        makes each result the average over its bin.

    Returns
    -------
    Dataset
        A masked bin takes no part. A new bin that no old one reaches is masked under `empty`; of one that is
        reached in part, counts are those of the part. What else ran along the dimension (other axes,
        metadata) is left out.

    Raises
    ------
    GumtreeError
        NO_BIN_EDGES, BAD_BIN_EDGES, UNKNOWN_AXIS, BAD_AXIS, UNIT_MISMATCH.
    """
    found, dim = coordinates(ds, axis)
    if not density:
        units.check_zero(ds.unit, f"{ds.name} rebinned as amounts")
    if found.edges is None:
        raise GumtreeError(
            "NO_BIN_EDGES",
            f"The axis '{axis}' of {ds.name} holds points; give it bin edges, or interpolate() instead.",
        )
    target = new_axis(edges, found, dim)
    old = _checked(found.values, axis)
    new = _checked(target.to(found.unit).values, f"new {axis}")
    overlap = Overlap.of(old, new)
    entry = f"{ds.name} rebinned to {overlap.size} bins of {axis}{' as a density' if density else ''}"
    result = _distributed(ds, ds.dims.index(dim), overlap, np.abs(np.diff(old)) if density else None, entry)
    placed = target.placed((dim,), dim)
    return result.derive(axes={**result.axes, axis: placed}, history=(*ds.history, entry))


def _checked(edges: Array, name: str) -> Floats:
    steps = np.diff(edges)
    if edges.size < 2 or not ((steps > 0).all() or (steps < 0).all()):
        raise GumtreeError(
            "BAD_BIN_EDGES", f"The {edges.size} edges of '{name}' are to be two or more that grow or fall."
        )
    return edges.astype(np.float64)


def _distributed(ds: Dataset, at: int, overlap: Overlap, widths: Floats | None, entry: str) -> Dataset:
    dim = ds.dims[at]
    keep = reductions.kept(ds)
    one = np.ones((1,) * ds.ndim) if widths is None else spread(widths, (dim,), ds)
    weights = one if keep is None else np.where(keep, one, 0.0)
    values = ds.values if keep is None else np.where(keep, ds.values, 0)
    with np.errstate(all="ignore"):
        total = overlap.total(values if widths is None else values * one, at)
        uncertainty = restricted(ds.uncertainty, keep, ds.shape)
        if widths is not None:
            uncertainty = uncertainty.scaled(one)
        uncertainty = _distributed_errors(uncertainty, ds.shape, at, overlap, entry)
        if widths is not None:
            covered = overlap.total(np.broadcast_to(weights, ds.shape), at)
            share = np.divide(1.0, covered, out=np.full(covered.shape, np.nan), where=covered > 0)
            total, uncertainty = total * share, uncertainty.scaled(share)
    axes = {name: axis for name, axis in ds.axes.items() if dim not in (axis.dims or ())}
    return ds.derive(
        values=total,
        uncertainty=uncertainty,
        axes=axes,
        masks=_masks(ds, at, overlap),
        metadata=without(ds.metadata, {dim: ds.sizes[dim]}),
    )


def _masks(ds: Dataset, at: int, overlap: Overlap) -> dict[str, NDArray[np.bool_]]:
    """Mask what nothing went into, under the name of the mask that covers it, or `EMPTY`."""
    shape = (*ds.shape[:at], overlap.size, *ds.shape[at + 1 :])

    def reached(taking_part: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(overlap.total(taking_part, at) > 0)

    row = [1] * ds.ndim
    row[at] = ds.shape[at]
    anything = reached(np.ones(row, dtype=np.bool_))
    masks = {}
    explained = np.zeros(shape, dtype=np.bool_)
    for name, mask in ds.raw_masks.items():
        along = np.broadcast_to(mask, np.broadcast_shapes(mask.shape, tuple(row)))
        covers = anything & ~reached(~along)
        if covers.any():
            masks[name] = covers
            explained |= covers
    keep = reductions.kept(ds)
    empty = ~(anything if keep is None else reached(keep)) & ~explained
    if empty.any():
        masks[EMPTY] = empty | masks.get(EMPTY, np.False_)
    return masks


def _distributed_errors(
    uncertainty: Uncertainty, shape: Shape, at: int, overlap: Overlap, entry: str
) -> Uncertainty:
    new_shape = (*shape[:at], overlap.size, *shape[at + 1 :])
    if not uncertainty:
        return uncertainty
    if independent():
        squared = Overlap(overlap.inside, tuple((k, np.square(f)) for k, f in overlap.partial), overlap.size)
        return Uncertainty.of(squared.total(uncertainty.variances(shape), at))
    terms: list[Term] = []
    single: list[Term] = []
    for term in uncertainty.terms:
        if term.selection.strides[at]:
            single.append(term)
        else:  # one source behind all old bins, such as a monitor, is one behind all new bins
            row = (*term.coefficient.shape[:at], shape[at], *term.coefficient.shape[at + 1 :])
            coefficient = overlap.total(np.broadcast_to(term.coefficient, row), at)
            terms.append(Term(term.source, term.selection, coefficient))
    if single:
        rest = Uncertainty(tuple(single))
        if prod(shape) > REMEMBERED and not _separate(rest, shape):
            terms += _folded(rest, shape, new_shape, at, overlap, entry).terms
            return Uncertainty(tuple(terms))
        for k, share in overlap.partial:
            part = rest.taken(_key(shape, at, k), shape).scaled(_row(share, shape, at))
            terms += restricted(part, _row(share, shape, at) > 0, new_shape).terms
        if (overlap.inside >= 0).any():
            inside = BinSum(shape, new_shape, _rows(shape, new_shape, at, overlap.inside))
            terms += fold(rest, inside, entry).terms
    return Uncertainty(tuple(terms))


def _separate(uncertainty: Uncertainty, shape: Shape) -> bool:
    """Whether no two old bins have errors in common, as what is forgotten must not."""
    families = {term.source.base.id for term in uncertainty.terms}
    return len(families) == len(uncertainty.terms) and not any(
        term.source.correlated or (term.selection.table is not None and term.selection.repeats(shape))
        for term in uncertainty.terms
    )


def _folded(
    uncertainty: Uncertainty, shape: Shape, new_shape: Shape, at: int, overlap: Overlap, entry: str
) -> Uncertainty:
    """Fold whole and partial bins in one, each part of a bin as an element of its own."""
    old = np.concatenate([np.arange(shape[at], dtype=np.intp), *(k for k, _ in overlap.partial)])
    share = np.concatenate([np.ones(shape[at]), *(f for _, f in overlap.partial)])
    own = np.arange(overlap.size, dtype=np.intp)
    new = np.concatenate([overlap.inside, *(np.where(f > 0, own, -1) for _, f in overlap.partial)])
    parts_shape = (*shape[:at], old.size, *shape[at + 1 :])
    parts = uncertainty.taken(_key(shape, at, old), shape).scaled(_row(share, shape, at))
    return fold(parts, BinSum(parts_shape, new_shape, _rows(parts_shape, new_shape, at, new)), entry)


def _key(shape: Shape, at: int, places: NDArray[np.intp]) -> list[Selector]:
    return [places if k == at else slice(0, length, 1) for k, length in enumerate(shape)]


def _row(array: Array, shape: Shape, at: int) -> Array:
    return array.reshape((*(1,) * at, array.size, *(1,) * (len(shape) - at - 1)))


def _rows(shape: Shape, new_shape: Shape, at: int, new: NDArray[np.intp]) -> NDArray[np.intp]:
    """Give the place in the flat result of each element, whose new bin along `at` is given; -1 for none."""
    places = np.broadcast_to(Selection.whole(new_shape).index(new_shape), new_shape)
    return np.where(_row(new, shape, at) < 0, -1, np.take(places, np.maximum(new, 0), axis=at))
