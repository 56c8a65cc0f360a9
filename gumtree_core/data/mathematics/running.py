"""Products, running sums and products, integrals."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from gumtree_core.data import units
from gumtree_core.data.mathematics.arithmetic import UNDEFINED
from gumtree_core.data.mathematics.neighbours import coordinates, spread
from gumtree_core.data.propagation.folding import DimensionSum, fold
from gumtree_core.data.propagation.restricting import restricted
from gumtree_core.data.propagation.selection import Array, Shape
from gumtree_core.data.propagation.uncertainty import (
    REMEMBERED,
    Floats,
    Term,
    Uncertainty,
    independent,
    warn_lost,
)
from gumtree_core.data.reducing import reductions
from gumtree_core.data.reducing.reductions import Dims
from gumtree_core.data.shaping import indexing
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


def cumsum(ds: Dataset, dim: str) -> Dataset:
    """Sum up to each element along a dimension.

    A masked element adds nothing, and its place stays masked. Neighbouring results share nearly all of their
    errors; that is exact as long as elements times length are at most 65536 (256 points of a curve). Beyond
    that each variance is exact for independent elements, but what the results share is forgotten, and a
    `CorrelationWarning` says so. What all elements share (a monitor) is exact at any size.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION.
    """
    at = indexing.position(ds, dim)
    units.check_zero(ds.unit, f"The sums of {ds.name}")
    keep = reductions.kept(ds)
    entry = f"cumsum of {ds.name} along {dim}"
    values = ds.values if keep is None else np.where(keep, ds.values, 0)
    uncertainty = restricted(ds.uncertainty, keep, ds.shape)
    return ds.derive(
        values=np.cumsum(
            values, axis=at, dtype=np.float64 if values.dtype in (np.float16, np.float32) else None
        ),
        uncertainty=_cumulated(uncertainty, ds.shape, at, entry),
        history=(*ds.history, entry),
    )


def _cumulated(uncertainty: Uncertainty, shape: Shape, at: int, entry: str) -> Uncertainty:
    if not uncertainty:
        return uncertainty
    if independent():
        return Uncertainty.of(np.cumsum(uncertainty.variances(shape), axis=at))
    n = shape[at]
    terms: list[Term] = []
    single: list[Term] = []
    for term in uncertainty.terms:
        if term.selection.strides[at]:
            single.append(term)
        else:
            row = (*term.coefficient.shape[:at], n, *term.coefficient.shape[at + 1 :])
            cumulated = np.cumsum(np.broadcast_to(term.coefficient, row), axis=at)
            terms.append(replace(term, coefficient=cumulated))
    rest = Uncertainty(tuple(single))
    if rest and n * prod(shape) <= REMEMBERED:
        rest = _triangular(rest, np.tri(n).reshape(n, n, *(1,) * (len(shape) - at - 1)), shape, at, entry)
    elif rest:
        warn_lost(entry, f"running sums of {n} elements have too many errors in common to remember them")
        ancestors = frozenset[str]().union(*(term.source.relatives for term in single))
        made = Uncertainty.of(np.cumsum(rest.variances(shape), axis=at))
        rest = Uncertainty(
            tuple(replace(t, source=replace(t.source, ancestors=ancestors)) for t in made.terms)
        )
    return Uncertainty((*terms, *rest.terms))


def _triangular(uncertainty: Uncertainty, slopes: Array, shape: Shape, at: int, entry: str) -> Uncertainty:
    """Propagate ``dy[i] = sum over j of slopes[i, j] dx[j]`` along `at`."""
    n = shape[at]
    places = [*range(at), None, *range(at, len(shape))]
    square = (*shape[:at], n, *shape[at:])
    lead = slopes.reshape((1,) * (len(square) - slopes.ndim) + slopes.shape)
    return fold(uncertainty.rearranged(places).scaled(lead), DimensionSum(square, (at + 1,)), entry)


def cumprod(ds: Dataset, dim: str) -> Dataset:
    """Multiply up to each element of pure numbers along a dimension; a masked element is a factor 1.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION, UNIT_MISMATCH; TOO_LARGE where elements times length exceed 65536.
    """
    at = indexing.position(ds, dim)
    n = ds.shape[at]
    if ds.unit:
        raise GumtreeError(
            "UNIT_MISMATCH",
            f"Running products of {ds.name} in '{ds.unit}' have no unit in common; divide by it.",
        )
    if ds.uncertainty and n * ds.size > REMEMBERED:
        raise GumtreeError(
            "TOO_LARGE",
            f"Running products of {n} elements of {ds.name} with errors take too much; use"
            " numpy.exp(numpy.cumsum(numpy.log(...))).",
        )
    keep = reductions.kept(ds)
    entry = f"cumprod of {ds.name} along {dim}"
    values = ds.values.astype(np.float64)
    values = values if keep is None else np.where(keep, values, 1.0)
    uncertainty = restricted(ds.uncertainty, keep, ds.shape)
    if uncertainty:
        # The derivative by element j is the product without it.
        moved = np.broadcast_to(np.moveaxis(values, at, -1)[..., np.newaxis, :], (*_moved(ds.shape, at), n))
        without = np.where(np.eye(n, dtype=np.bool_), 1.0, moved).cumprod(axis=-1)
        slopes = np.swapaxes(without, -1, -2) * np.tri(n)
        slopes = np.moveaxis(slopes, (-2, -1), (at, at + 1))
        if independent():
            variances = (np.square(slopes) * np.expand_dims(uncertainty.variances(ds.shape), at)).sum(at + 1)
            uncertainty = Uncertainty.of(variances)
        else:
            uncertainty = _triangular(uncertainty, slopes, ds.shape, at, entry)
    return ds.derive(values=values.cumprod(axis=at), uncertainty=uncertainty, history=(*ds.history, entry))


def _moved(shape: Shape, at: int) -> Shape:
    return (*shape[:at], *shape[at + 1 :], shape[at])


def product(ds: Dataset, dims: Dims = None) -> Dataset:
    """Multiply over dimensions, all by default; a masked element takes no part.

    Raises
    ------
    GumtreeError
        UNKNOWN_DIMENSION; UNIT_MISMATCH where masks leave products of different units.
    """
    axes = reductions.axes_of(ds, dims)
    keep = reductions.kept(ds)
    values = ds.values.astype(np.float64)
    values = values if keep is None else np.where(keep, values, 1.0)
    unit = ds.unit
    if unit:
        factors = np.unique(reductions.count(ds, axes))
        if factors.size > 1:
            raise GumtreeError(
                "UNIT_MISMATCH",
                f"Products of {factors.min()} to {factors.max()} elements of {ds.name} in '{unit}' have no"
                " unit in common; divide by it first.",
            )
        unit = units.power(unit, float(factors[0])) if factors[0] else ""
    entry = f"product of {ds.name}"
    uncertainty = ds.uncertainty
    if uncertainty:
        slopes = restricted(uncertainty, keep, ds.shape).scaled(_product_of_others(values, axes))
        uncertainty = fold(slopes, DimensionSum(ds.shape, axes, keep), entry)
    result = reductions.reduced(ds, axes, entry, values=values.prod(axis=axes), uncertainty=uncertainty)
    return result.derive(unit=unit)


def _product_of_others(values: Floats, axes: tuple[int, ...]) -> Floats:
    """Give the product of all other elements, right where some are 0."""
    order = [*(k for k in range(values.ndim) if k not in axes), *axes]
    moved = values.transpose(order)
    rows = moved.reshape(*moved.shape[: values.ndim - len(axes)], prod(values.shape[k] for k in axes))
    one = np.ones((*rows.shape[:-1], 1))
    before = np.concatenate([one, rows], -1)[..., :-1].cumprod(-1)
    after = np.concatenate([rows, one], -1)[..., 1:][..., ::-1].cumprod(-1)[..., ::-1]
    return np.asarray((before * after).reshape(moved.shape).transpose(np.argsort(order)))


def integrate(ds: Dataset, axis: str, dim: str | None = None) -> Dataset:
    """Integrate over a coordinate, in the unit of the data times that of the axis.

    Of points, by the trapezium rule. Of bins, the values are densities (per unit of the axis, or averages
    over the bin), and each counts with the width of its bin; counts in bins are to be summed instead. It is
    taken towards larger coordinates, whichever way the axis runs. A masked element takes no part: a
    trapezium spans the gap, and a masked bin is left out.

    Parameters
    ----------
    axis
        Its name.
    dim
        Where the axis has several dimensions: the one to integrate along.

    Raises
    ------
    GumtreeError
        UNKNOWN_AXIS, BAD_AXIS, UNKNOWN_DIMENSION, TOO_FEW_ELEMENTS.
    """
    found, along = coordinates(ds, axis, dim)
    entry = f"{ds.name} integrated over {axis}"
    unit = units.multiply(ds.unit, units.difference(found.unit))
    if found.edges == along:
        return weighted_sum(ds, along, spread(found.widths, found.dims or (), ds), unit, entry)
    x = np.moveaxis(spread(found.centers.astype(np.float64), found.dims or (), ds), ds.dims.index(along), -1)
    steps = np.diff(x)
    rising = (steps >= 0).all(axis=-1, keepdims=True)
    if not (rising | (steps <= 0).all(axis=-1, keepdims=True)).all():
        raise GumtreeError(
            "BAD_AXIS",
            f"The axis '{axis}' of {ds.name} neither grows nor falls throughout; sort('{axis}') it.",
        )
    x = np.moveaxis(np.where(rising, x, -x), -1, ds.dims.index(along))
    return trapezium(ds, along, x, unit, entry)


def trapezium(ds: Dataset, dim: str, x: Array, unit: str, entry: str) -> Dataset:
    """Integrate along a dimension over numbers that broadcast to the data."""
    at = indexing.position(ds, dim)
    n = ds.shape[at]
    if n < 2:
        raise GumtreeError(
            "TOO_FEW_ELEMENTS", f"{ds.name} has {n} elements along '{dim}'; a trapezium takes two or more."
        )
    keep = reductions.kept(ds)
    if keep is None:
        moved = np.moveaxis(x, at, -1)
        ends = np.concatenate([moved[..., :1], moved, moved[..., -1:]], -1)
        weights = np.moveaxis((ends[..., 2:] - ends[..., :-2]) / 2, -1, at)
        return weighted_sum(ds, dim, weights, unit, entry)
    moved, used = np.moveaxis(np.broadcast_to(x, ds.shape), at, -1), np.moveaxis(keep, at, -1)
    own = np.broadcast_to(np.arange(n), used.shape)
    before = np.maximum.accumulate(np.where(used, own, -1), -1)[..., :-1]
    after = np.minimum.accumulate(np.where(used, own, n)[..., ::-1], -1)[..., ::-1][..., 1:]
    before = np.concatenate([np.full((*used.shape[:-1], 1), -1), before], -1)
    after = np.concatenate([after, np.full((*used.shape[:-1], 1), n)], -1)
    low = np.take_along_axis(moved, np.where(before < 0, own, before), -1)
    high = np.take_along_axis(moved, np.where(after >= n, own, after), -1)
    result = weighted_sum(ds, dim, np.moveaxis((high - low) / 2, -1, at), unit, entry)
    single = np.count_nonzero(used, axis=-1) == 1
    if single.any():
        values = np.where(single, np.nan, result.values)
        result = result.derive(values=values, masks={**result.raw_masks, UNDEFINED: single})
    return result


def weighted_sum(ds: Dataset, dim: str, weights: Array, unit: str, entry: str) -> Dataset:
    """Sum along a dimension with exact weights."""
    with np.errstate(all="ignore"):
        weighted = ds.derive(
            values=ds.values * weights, uncertainty=ds.uncertainty.scaled(weights), unit=unit
        )
    return reductions.total(weighted, dim).replace(history=(*ds.history, entry))
