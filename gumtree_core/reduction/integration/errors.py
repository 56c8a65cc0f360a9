"""The errors of integrated patterns: of each source of the pixels' errors, what the bins have of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from gumtree_core.data import Dataset
from gumtree_core.data.propagation.folding import BinSum, fold
from gumtree_core.data.propagation.restricting import restricted
from gumtree_core.data.propagation.selection import Selection
from gumtree_core.data.propagation.uncertainty import (
    REMEMBERED,
    CountSource,
    Source,
    Term,
    Uncertainty,
    independent,
)
from gumtree_core.reduction.integration.members import (
    Array,
    Column,
    Members,
    Split,
    Whole,
)

if TYPE_CHECKING:
    from gumtree_core.reduction.integration.plan import Plan

_ONE = np.ones(1)


class Part(Protocol):
    """What one source of error gives."""

    @property
    def column(self) -> Column | None:
        """What is to be summed in each bin for it; None for nothing."""

    @property
    def remembered(self) -> Term | None:
        """What the column is made of, if of nothing else: where it comes again, the sums are the same."""

    def terms(self, plan: Plan, sums: Array) -> tuple[Term, ...]:
        """The errors of the bins of what has been summed, or without a column of the pattern's own sums."""


@dataclass(frozen=True)
class _Shared:
    """An error that all pixels have in common, times a coefficient of each or of all."""

    term: Term
    coefficients: Array
    remembered: Term | None

    @property
    def column(self) -> Column | None:
        return Column(self.coefficients) if self.coefficients.size > 1 else None

    def terms(self, plan: Plan, sums: Array) -> tuple[Term, ...]:
        total = sums if self.coefficients.size > 1 else plan.area * self.coefficients.item()
        selection = Selection(self.term.selection.offset, (0,) * len(plan.axes))
        return (Term(self.term.source, selection, total),)


@dataclass(frozen=True)
class _Own:
    """An error of each pixel's own; a factor common to all stays outside."""

    term: Term
    coefficients: Array
    factor: float
    variances: Array
    remembered: Term | None

    @property
    def column(self) -> Column | None:
        return Column(self.coefficients, self.variances)

    def terms(self, plan: Plan, sums: Array) -> tuple[Term, ...]:
        """The sums are a new source, which remembers the old one where that is not too large."""
        term, members = self.term, plan.members
        overlapping = members.overlapping
        if overlapping or prod(plan.shape) <= REMEMBERED:
            recipe = members.recipe(term, self.coefficients, plan.shape)
            source = Source(sums.reshape(-1), recipe=recipe, correlated=overlapping)
        else:
            state = hashlib.sha256(f"{members.identity} {term.source.id} {term.selection.offset}".encode())
            if self.coefficients.size > 1:
                state.update(self.coefficients.tobytes())
            source = Source(sums.reshape(-1), state.hexdigest()[:32], ancestors=term.source.relatives)
        factor = _ONE if self.factor == 1 else np.array([self.factor])
        return (Term(source, plan.selection, factor.reshape((1,) * len(plan.axes))),)


@dataclass(frozen=True)
class _Counts(_Own):
    """The errors of the very counts that are summed: their sums are the variances."""

    @property
    def column(self) -> Column | None:
        return None


@dataclass(frozen=True)
class _Independent:
    """The variance of each pixel, with all that pixels share left out of account."""

    column: Column
    remembered = None

    def terms(self, plan: Plan, sums: Array) -> tuple[Term, ...]:
        return Uncertainty.of(sums).terms


@dataclass(frozen=True)
class _IndependentCounts:
    """The same of counts that are summed."""

    column = None
    remembered = None

    def terms(self, plan: Plan, sums: Array) -> tuple[Term, ...]:
        return Uncertainty.of(sums).terms


def error_parts(pattern: Dataset, weights: Array | None, members: Members) -> Sequence[Part] | None:
    """The errors of a pattern one by one; None where they are related, and `general` is to be used."""
    shape = pattern.shape
    if weights is None and isinstance(members, Whole) and _are_counts(pattern):
        term = pattern.uncertainty.terms[0]
        return (_IndependentCounts() if independent() else _Counts(term, _ONE, 1.0, _ONE, None),)
    if independent():
        variances = pattern.variances
        if variances is None:
            return ()
        flat = np.ascontiguousarray(variances, dtype=np.float64).reshape(-1)
        return (_Independent(Column(_ONE if weights is None else weights, flat)),)
    uncertainty = pattern.uncertainty
    if not uncertainty:
        return ()
    strides, size = Selection.whole(shape).strides, prod(shape)
    if not all(_simple(term, strides, size) for term in uncertainty.terms):
        return None
    return [_part(term, weights, size) for term in uncertainty.terms]


def _are_counts(pattern: Dataset) -> bool:
    """Whether the errors are those that counting gives the values, and nothing else."""
    if pattern.dtype.kind not in "iu":
        return False
    values, terms = pattern.values, pattern.uncertainty.terms
    return (
        len(terms) == 1
        and isinstance(terms[0].source, CountSource)
        and terms[0].coefficient.size == 1
        and terms[0].coefficient.item() == 1
        and terms[0].source.are(values)
    )


def _part(term: Term, weights: Array | None, size: int) -> Part:
    coefficients = np.ascontiguousarray(term.coefficient).reshape(-1)
    remembered = term if weights is None else None
    if term.selection.is_constant:
        return _Shared(term, coefficients if weights is None else coefficients * weights, remembered)
    factor = 1.0
    if coefficients.size == 1:
        factor, coefficients = coefficients.item(), _ONE
    at = term.selection.offset
    variances = term.source.variances[at : at + size]
    weighed = coefficients if weights is None else coefficients * weights
    return _Own(term, weighed, factor, variances, remembered)


def _simple(term: Term, whole: tuple[int, ...], size: int) -> bool:
    """Whether all pixels share one error, or each has its own, and it is related with no other."""
    source, selection = term.source, term.selection
    if source.recipe is not None or source.ancestors or source.correlated or selection.table is not None:
        return False
    return term.coefficient.size in (1, size) and (selection.strides == whole or selection.is_constant)


def general(plan: Plan, uncertainty: Uncertainty, weights: Array | None, entry: str) -> Uncertainty:
    """Errors that only part of the pixels share, or that are sums themselves."""
    shape, members = plan.shape, plan.members
    if isinstance(members, Whole):
        rows = members.rows(shape)
        weighed = uncertainty if weights is None else uncertainty.scaled(weights.reshape(shape))
        # what takes no part may have errors that are no numbers
        return fold(restricted(weighed, rows >= 0, shape), BinSum(shape, plan.result_shape, rows), entry)
    assert isinstance(members, Split)
    pixel = members.pixel
    share = members.share if weights is None else members.share * weights[pixel]
    parts = uncertainty.picked(pixel, shape).scaled(share)
    return fold(parts, BinSum(pixel.shape, plan.result_shape, members.bin), entry)
