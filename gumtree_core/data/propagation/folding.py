"""Sums over dimensions and into bins, of values and of the terms of their errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.expressions.summing import total as summed
from gumtree_core.data.propagation.joint_folding import fold_related
from gumtree_core.data.propagation.selection import Array, Selection, Shape
from gumtree_core.data.propagation.uncertainty import (
    REMEMBERED,
    Floats,
    Recipe,
    Source,
    Term,
    Uncertainty,
    independent,
    warn_lost,
)


@dataclass(frozen=True)
class DimensionSum:
    """Sum an array of `shape` over `axes`; elements where `keep` is false take no part."""

    shape: Shape
    axes: tuple[int, ...]
    keep: NDArray[np.bool_] | None = None

    @property
    def result_shape(self) -> Shape:
        """Of the sums."""
        return tuple(length for axis, length in enumerate(self.shape) if axis not in self.axes)

    def places(self) -> NDArray[np.intp]:
        """Give each element's place in the flat result; negative: it takes no part."""
        kept = iter(range(len(self.result_shape)))
        order = [None if axis in self.axes else next(kept) for axis in range(len(self.shape))]
        rows = Selection.whole(self.result_shape).rearranged(order).index(self.shape)
        return rows if self.keep is None else np.where(self.keep, rows, -1)

    def total(self, array: Array) -> Array:
        """Sum an array that broadcasts to `shape`."""
        if self.keep is not None:
            array = np.where(self.keep, array, array.dtype.type(0))
        # An axis along which the array is constant need not be summed.
        constant = tuple(a for a in self.axes if array.shape[a] == 1)
        result = summed(array, self.axes)
        factor = prod(self.shape[a] for a in constant)
        if factor != 1:
            result = result * factor
        return np.broadcast_to(result, self.result_shape)

    def fold(self, term: Term, operation: str) -> Term:
        """Sum the coefficients where one source stands behind all summands; fold the source otherwise."""
        kept = [axis for axis in range(len(self.shape)) if axis not in self.axes]
        selection, coefficient, shape, axes = term.selection, term.coefficient, self.shape, self.axes
        shared = tuple(axis for axis in axes if not selection.strides[axis])
        keep = self.keep
        if shared:
            first = DimensionSum(shape, shared, keep)
            left = [axis for axis in range(len(shape)) if axis not in shared]
            coefficient, selection, shape = (
                first.total(coefficient),
                selection.rearranged(left),
                first.result_shape,
            )
            axes = tuple(left.index(axis) for axis in axes if axis not in shared)
            kept, keep = [left.index(axis) for axis in kept], None
        if not axes:
            return Term(term.source, selection, coefficient)
        rest = DimensionSum(shape, axes, keep)
        whole = Selection.whole(rest.result_shape)
        rows = whole.rearranged([kept.index(axis) if axis in kept else None for axis in range(len(shape))])
        inner = Term(term.source, selection, coefficient)
        return _fold(inner, shape, keep, rows, rest.result_shape, rest.total, operation)


@dataclass(frozen=True)
class BinSum:
    """Sum an array of `shape` into an array of `result_shape`.

    `rows`, of `shape`, holds each element's place in the flat result; negative: it takes no part.
    """

    shape: Shape
    result_shape: Shape
    rows: NDArray[np.intp]

    def places(self) -> NDArray[np.intp]:
        """Give each element's place in the flat result; negative: it takes no part."""
        return self.rows

    def total(self, array: Array) -> Floats:
        """Sum an array that broadcasts to `shape`; float64."""
        size = prod(self.result_shape)
        slots = self.rows.reshape(-1) + 1
        weights = np.broadcast_to(array, self.shape).reshape(-1)
        return np.asarray(
            np.bincount(slots, weights, size + 1)[1:].reshape(self.result_shape), dtype=np.float64
        )

    def fold(self, term: Term, operation: str) -> Term:
        """Sum the coefficients of a source shared by all elements; fold the source otherwise."""
        if term.selection.is_constant:
            constant = Selection(term.selection.offset, (0,) * len(self.result_shape))
            return Term(term.source, constant, self.total(term.coefficient))
        return _fold(
            term, self.shape, None, Selection.of_table(self.rows), self.result_shape, self.total, operation
        )


def fold(uncertainty: Uncertainty, reduction: DimensionSum | BinSum, operation: str) -> Uncertainty:
    """Propagate through a sum."""
    if not uncertainty:
        return uncertainty
    if 0 in reduction.shape:
        return Uncertainty.of(np.zeros(reduction.result_shape))
    if independent():
        return Uncertainty.of(reduction.total(uncertainty.variances(reduction.shape)))
    terms = [reduction.fold(term, operation) for term in uncertainty.terms]
    shape, result_shape = reduction.shape, reduction.result_shape
    if len(terms) > 1 and prod(shape) > REMEMBERED:
        terms = fold_related(uncertainty.terms, terms, reduction.places(), shape, result_shape, operation)
    return Uncertainty(tuple(terms))


def _fold(
    term: Term,
    shape: Shape,
    keep: NDArray[np.bool_] | None,
    rows: Selection,
    result_shape: Shape,
    total: Callable[[Array], Array],
    operation: str,
) -> Term:
    # A factor common to all stays outside, so that (2 * a).sum() and 2 * a.sum() are the same.
    factor, weights = np.ones(()), term.coefficient
    if weights.size == 1:
        factor, weights = weights.reshape(()), np.ones((1,) * len(shape))
    if keep is not None:
        weights = np.where(keep, weights, 0.0)
    parent = term.source
    recipe = Recipe(parent, term.selection, rows, weights, shape)
    repeats = term.selection.repeats(shape)
    if parent.correlated or (repeats and (rows.table is not None or term.selection.table is not None)):
        source = Source(np.zeros(prod(result_shape)), recipe=recipe)
        matrix = source.matrix
        source = Source(matrix.power(2) @ parent.base.variances, recipe=recipe)
        source.correlated = bool((np.bincount(matrix.indices, matrix.data != 0) > 1).any())
    else:
        spread = term.selection.of(parent.variances, shape)
        if spread.shape != shape or weights.size != 1:
            spread = np.square(weights) * spread
        variances = total(spread)
        flat = np.ascontiguousarray(variances, dtype=np.float64).reshape(-1)
        source = Source(flat, recipe=recipe, correlated=repeats)
    if prod(shape) > REMEMBERED:
        if source.correlated:
            warn_lost(operation, f"the sums have errors in common, too many ({prod(shape)}) to be remembered")
        source = Source(source.variances, recipe.digest(), ancestors=parent.relatives)
    selection = Selection.whole(result_shape)
    return Term(source, selection, np.broadcast_to(factor, (1,) * len(result_shape)))


def join(parts: Sequence[tuple[Uncertainty, Shape]], axis: int, operation: str) -> Uncertainty:
    """Propagate through a concatenation along `axis`.

    A source that stands behind a part keeps its identity, with coefficient 0 in the other parts. Where many
    elementwise sources would take too much memory that way, they become one new source.
    """
    shapes = [shape for _, shape in parts]
    shape = tuple(sum(s[k] for s in shapes) if k == axis else n for k, n in enumerate(shapes[0]))
    if independent():
        if not any(uncertainty for uncertainty, _ in parts):
            return Uncertainty()
        return Uncertainty.of(np.concatenate([u.variances(s) for u, s in parts], axis))
    sources: list[Source] = []
    for uncertainty, _ in parts:
        for term in uncertainty.terms:
            if not any(term.source.same(known) for known in sources):
                sources.append(term.source)
    if len(sources) * prod(shape) > max(64 * REMEMBERED, 4 * prod(shape)):
        return _join_new(parts, shape, axis, operation)
    terms: list[Term] = []
    for source in sources:
        left = [[t for t in u.terms if t.source.same(source)] for u, _ in parts]
        while any(left):
            layer = [terms_of_part.pop(0) if terms_of_part else None for terms_of_part in left]
            terms.append(_joined(source, layer, shapes, shape, axis))
    return Uncertainty(tuple(terms))


def _joined(source: Source, layer: list[Term | None], shapes: list[Shape], shape: Shape, axis: int) -> Term:
    coefficients, tables = [], []
    for term, length in zip(layer, shapes, strict=True):
        zeros = np.zeros((1,) * len(shape))
        coefficients.append(np.broadcast_to(zeros if term is None else term.coefficient, length))
        table = zeros.astype(np.intp) if term is None else term.selection.index(length)
        tables.append(np.broadcast_to(table, length))
    present = [term for term in layer if term is not None]
    constant = all(
        t.selection.is_constant and t.selection.offset == present[0].selection.offset for t in present
    )
    if constant:
        selection = Selection(present[0].selection.offset, (0,) * len(shape))
    else:
        selection = Selection.of_table(np.concatenate(tables, axis))
    return Term(source, selection, np.concatenate(coefficients, axis))


def _join_new(
    parts: Sequence[tuple[Uncertainty, Shape]], shape: Shape, axis: int, operation: str
) -> Uncertainty:
    ancestors: frozenset[str] = frozenset()
    shared = False
    for uncertainty, length in parts:
        for term in uncertainty.terms:
            known = not ancestors.isdisjoint(term.source.relatives)
            shared = shared or known or term.selection.repeats(length) or term.source.correlated
        ancestors = ancestors.union(*(term.source.relatives for term in uncertainty.terms))
    if shared:
        warn_lost(operation, "the parts have errors in common, and there are too many parts to remember them")
    whole = Uncertainty.of(np.concatenate([u.variances(s) for u, s in parts], axis))
    return Uncertainty(tuple(replace(t, source=replace(t.source, ancestors=ancestors)) for t in whole.terms))
