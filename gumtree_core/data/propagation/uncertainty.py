"""Errors to first order, correlations included, by tagged sources.

Every independent source of error (the counts of a detector, a monitor, a transmission) has an identity and a
variance for each of its elements. An array with errors keeps, for each source, the coefficients ``dx/ds`` of
its elements:

    dx[e] = sum over terms of coefficient[e] * ds[selection[e]] var x = sum over terms of coefficient^2 * var
    s, and twice the covariance of terms that have a source in common

so that ``a - a`` is 0 +- 0 and a monitor shared by all pixels stays shared (docs/data.md). A sum over pixels
folds a source: the sums are the elements of a new source. A fold of up to `REMEMBERED` elements knows what it
was made of, so that it may meet its own summands again; a larger one does not, and such a meeting gives a
`CorrelationWarning`.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
import uuid
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.expressions import buffers
from gumtree_core.data.propagation.selection import (
    Array,
    Selection,
    Selector,
    Shape,
    rearrange,
    take,
)
from gumtree_core.errors import GumtreeError

Floats: TypeAlias = NDArray[np.float64]
Mode = Literal["exact", "independent"]

REMEMBERED = 1 << 16
"""Elements up to which a sum remembers its summands (8 bytes each): 192 x 192 and 256 x 256 pixels do."""

TERMS = 64
"""Terms up to which an array keeps each: a running sum of frames would otherwise grow with every frame."""

_mode: ContextVar[Mode] = ContextVar("errors", default="exact")
_process = uuid.uuid4().hex
_numbers = itertools.count()


def _new_identity() -> str:
    """Name a source as no other is named, in any process."""
    return f"{_process}-{next(_numbers)}"


def _after_fork() -> None:
    global _process
    _process = uuid.uuid4().hex


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@lru_cache(maxsize=64)
def _one(ndim: int) -> Floats:
    """The coefficient 1, of so many dimensions."""
    one = np.ones((1,) * ndim)
    one.setflags(write=False)
    return one


class CorrelationWarning(UserWarning):
    """Two operands depend on the same source in a way that is no longer known: the error is approximate."""


@contextmanager
def errors(mode: Mode) -> Iterator[None]:
    """Choose how errors propagate inside a ``with`` block (and this thread or task).

    Parameters
    ----------
    mode
        ``"exact"`` (the rule outside of any block) keeps correlations; ``"independent"`` treats the operands
        of each operation as independent, as most reduction programs do, for comparison with their results.

    Raises
    ------
    GumtreeError
        BAD_ERROR_MODE.
    """
    if mode not in ("exact", "independent"):
        raise GumtreeError("BAD_ERROR_MODE", f"Errors are 'exact' or 'independent', not {mode!r}.")
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


def independent() -> bool:
    """Whether `errors("independent")` holds here."""
    return _mode.get() == "independent"


def warn_lost(operation: str, why: str) -> None:
    """Give a `CorrelationWarning` at the caller's line."""
    level, frame = 1, sys._getframe()
    ours = ("gumtree_core.data.", "numpy.")
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(ours):
        frame, level = frame.f_back, level + 1
    warnings.warn(f"{operation}: {why}; its error is approximate.", CorrelationWarning, stacklevel=level)


@dataclass(frozen=True, eq=False)
class Recipe:
    """What a fold is made of: element ``rows[e]`` sums ``coefficient[e] * parent[columns[e]]``.

    A negative row takes no part. `rows` and `columns` select over an array of `shape`.
    """

    parent: Source
    columns: Selection
    rows: Selection
    coefficient: Floats
    shape: Shape

    def digest(self) -> str:
        """Give an identity that two equal recipes share."""
        state = hashlib.sha256(f"{self.parent.id} {self.shape} {self.coefficient.shape}".encode())
        for selection in (self.columns, self.rows):
            state.update(f"{selection.offset} {selection.strides}".encode())
            if selection.table is not None:
                state.update(selection.table.tobytes())
        state.update(self.coefficient.tobytes())
        return state.hexdigest()[:32]

    def triplets(self) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
        """Give coefficient, row and column of each element that takes part."""
        rows = np.broadcast_to(self.rows.index(self.shape), self.shape).reshape(-1)
        columns = np.broadcast_to(self.columns.index(self.shape), self.shape).reshape(-1)
        weights = np.broadcast_to(self.coefficient, self.shape).reshape(-1)
        used = rows >= 0
        return (weights, rows, columns) if used.all() else (weights[used], rows[used], columns[used])


@dataclass(eq=False)
class Source:
    """Independent errors, or a fold of such.

    Attributes
    ----------
    variances
        (n,), of each element.
    identity
        Two sources of the same identity are the same; made when it is asked for.
    recipe
        What a fold is made of, where that is remembered.
    ancestors
        Identities of the sources whose connection with this one is forgotten.
    correlated
        Whether the elements of a fold have summands in common.
    """

    variances: Floats
    identity: str = ""
    recipe: Recipe | None = None
    ancestors: frozenset[str] = field(default_factory=frozenset)
    correlated: bool = False

    @property
    def id(self) -> str:
        """The identity; of a fold that remembers, made from its recipe."""
        if not self.identity:
            assert self.recipe is not None
            self.identity = self.recipe.digest()
        return self.identity

    @property
    def base(self) -> Source:
        """The source that remembered folds go back to."""
        return self if self.recipe is None else self.recipe.parent.base

    @cached_property
    def relatives(self) -> frozenset[str]:
        """All identities that this source depends on."""
        base = self.base
        return base.ancestors | {base.id}

    def same(self, other: Source) -> bool:
        """Whether both are one source.

        Raises
        ------
        GumtreeError
            SOURCE_MISMATCH where two arrays of different variances claim the same identity.
        """
        if self is other:
            return True
        if (
            self.variances.size != other.variances.size
            and self.recipe is not None
            and other.recipe is not None
        ):
            return False
        if self.relatives.isdisjoint(other.relatives) or self.id != other.id:
            return False
        if not np.array_equal(self.variances, other.variances, equal_nan=True):
            raise GumtreeError(
                "SOURCE_MISMATCH",
                f"Two different arrays of variances claim to be the source '{self.id}'; give each its own"
                " source.",
            )
        return True

    @cached_property
    def matrix(self) -> Any:
        """The fold in terms of its base: a sparse matrix (n, n of the base)."""
        from scipy import sparse

        if self.recipe is None:
            return sparse.eye_array(self.variances.size, format="csr")
        weights, rows, columns = self.recipe.triplets()
        size = self.variances.size, self.recipe.parent.variances.size
        matrix = sparse.csr_array(sparse.coo_array((weights, (rows, columns)), shape=size))
        return (
            matrix
            if self.recipe.parent.recipe is None
            else sparse.csr_array(matrix @ self.recipe.parent.matrix)
        )

    def __getstate__(self) -> dict[str, Any]:
        made = {name: getattr(self, name) for name in ("variances", "recipe", "ancestors", "correlated")}
        return {**made, "identity": self.id}


class CountSource(Source):
    """The errors of whole counts, each of which has its own number as variance.

    Most that is done with a frame needs no array of variances beside that of the counts; it is made when
    somebody asks for it.
    """

    def __init__(self, counts: NDArray[np.integer], identity: str = "") -> None:
        self.counts = counts
        self.identity = identity or _new_identity()
        self.recipe = None
        self.ancestors = frozenset()
        self.correlated = False
        self._variances: Floats | None = None

    @property
    def variances(self) -> Floats:  # type: ignore[override]
        """(n,), of each element."""
        if self._variances is None:
            variances = buffers.empty(self.counts.size)
            np.copyto(variances, self.counts)
            self._variances = variances
        return self._variances

    def are(self, values: Array) -> bool:
        """Whether these are the very counts."""
        counts = self.counts
        return (
            counts.size == values.size
            and counts.dtype == values.dtype
            and counts.ctypes.data == values.ctypes.data
            and values.flags.c_contiguous
        )

    def __reduce__(self) -> Any:
        return Source, (self.variances, self.identity)


@dataclass(frozen=True, eq=False)
class Term:
    """One source's part: ``dx = coefficient * ds[selection]``; the coefficient broadcasts to the array."""

    source: Source
    selection: Selection
    coefficient: Floats

    def covariance(self, other: Term, shape: Shape) -> Array | float:
        """Give cov(ds[selection], ds'[selection']) at each element, without the coefficients."""
        here, there = self.selection.index(shape), other.selection.index(shape)
        if self.source.same(other.source) and not self.source.correlated:
            return np.where(here == there, self.source.variances[here], 0.0)
        base = self.source.base
        products = (self.source.matrix * base.variances) @ other.source.matrix.T
        here, there = np.broadcast_arrays(here, there)
        return np.asarray(products.tocsr()[here.ravel(), there.ravel()]).reshape(here.shape)


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """The terms of an array; none for exact numbers."""

    terms: tuple[Term, ...] = ()

    @classmethod
    def of(cls, variances: Array, identity: str = "") -> Uncertainty:
        """Make an array of independent errors; its memory is shared."""
        flat = np.ascontiguousarray(variances, dtype=np.float64).reshape(-1)
        source = Source(flat, identity or _new_identity())
        return cls((Term(source, Selection.whole(variances.shape), _one(variances.ndim)),))

    @classmethod
    def of_counts(cls, counts: NDArray[np.integer], identity: str = "") -> Uncertainty:
        """Make the errors of counts, whose variances are the counts; their memory is shared."""
        source = CountSource(np.ascontiguousarray(counts).reshape(-1), identity)
        return cls((Term(source, Selection.whole(counts.shape), _one(counts.ndim)),))

    def __bool__(self) -> bool:
        return bool(self.terms)

    def variances(self, shape: Shape) -> Floats:
        """Give the variance of each element; (shape)."""
        with np.errstate(all="ignore"):  # where there is no number, its derivatives are none
            return self._variances(shape)

    def _variances(self, shape: Shape) -> Floats:
        total: Array = np.zeros((1,) * len(shape))
        for term in self.terms:
            part = term.selection.of(term.source.variances, shape)
            if not _is_one(term.coefficient):
                part = np.square(term.coefficient) * part
            total = part if term is self.terms[0] else total + part
        bases = [term.source.base.id for term in self.terms]
        related = len(set(bases)) < len(bases)
        for one, other in combinations(self.terms, 2) if related else ():
            if one.source is other.source or one.source.base.id == other.source.base.id:
                total = total + 2.0 * one.coefficient * other.coefficient * one.covariance(other, shape)
        # What cancels leaves a rounding error, which may be negative.
        total = np.maximum(total, 0.0) if related else total
        return total if total.shape == shape else np.broadcast_to(total, shape)

    def scaled(self, factor: Array | float) -> Uncertainty:
        """Multiply the coefficients by an array of as many dimensions, or a number."""
        if isinstance(factor, float | int) and factor == 1:
            return self
        return Uncertainty(
            tuple(Term(t.source, t.selection, _product(t.coefficient, factor)) for t in self.terms)
        )

    def rearranged(self, axes: Sequence[int | None]) -> Uncertainty:
        """Follow `selection.rearrange`."""
        return Uncertainty(
            tuple(
                Term(t.source, t.selection.rearranged(axes), rearrange(t.coefficient, axes))
                for t in self.terms
            )
        )

    def taken(self, key: Sequence[Selector], shape: Shape) -> Uncertainty:
        """Follow `selection.take`."""
        return Uncertainty(
            tuple(Term(t.source, t.selection.taken(key, shape), take(t.coefficient, key)) for t in self.terms)
        )

    def picked(self, positions: NDArray[np.intp], shape: Shape) -> Uncertainty:
        """Take single elements by their positions in the flat array; the result has the positions' shape."""
        terms = []
        for term in self.terms:
            index = np.broadcast_to(term.selection.index(shape), shape).reshape(-1)[positions]
            coefficient = np.broadcast_to(term.coefficient, shape).reshape(-1)[positions]
            terms.append(Term(term.source, Selection.of_table(np.asarray(index)), np.asarray(coefficient)))
        return Uncertainty(tuple(terms))

    def condensed(self, shape: Shape) -> Uncertainty:
        """Make one new source of all that are independent from element to element.

        What elements have in common (a monitor) stays as it is. The variances and the covariances of the
        elements are the same; only the relation with the single sources is forgotten.
        """
        shared = [t for t in self.terms if t.source.correlated or t.selection.repeats(shape)]
        families = {term.source.base.id for term in shared}
        single = [t for t in self.terms if t not in shared and t.source.base.id not in families]
        if len(single) < 2:
            return self
        kept = [term for term in self.terms if term not in single]
        whole = Uncertainty.of(Uncertainty(tuple(single)).variances(shape))
        ancestors = frozenset[str]().union(*(term.source.relatives for term in single))
        new = [replace(t, source=replace(t.source, ancestors=ancestors)) for t in whole.terms]
        return Uncertainty((*kept, *new))


def combine(parts: Iterable[tuple[Uncertainty, Array | float]], shape: Shape, operation: str) -> Uncertainty:
    """Propagate through a function of several arrays: ``dy = sum of derivative * dx``.

    Parameters
    ----------
    parts
        Each array's uncertainty and the derivative by it, of as many dimensions as `shape` or a number.
    shape
        Of the result.
    operation
        Names the operation in a warning.
    """
    present = [(uncertainty, derivative) for uncertainty, derivative in parts if uncertainty]
    if independent():
        if not present:
            return Uncertainty()
        variances = sum(np.square(derivative) * part.variances(shape) for part, derivative in present)
        return Uncertainty.of(np.broadcast_to(variances, shape))
    scaled = [uncertainty.scaled(derivative) for uncertainty, derivative in present]
    if len(scaled) <= 1:
        return scaled[0] if scaled else Uncertainty()
    merged: list[Term] = list(scaled[0].terms)
    for uncertainty in scaled[1:]:
        for term in uncertainty.terms:
            _merge(merged, term, operation)
    whole = Uncertainty(tuple(merged))
    return whole.condensed(shape) if len(merged) > TERMS else whole


def _merge(terms: list[Term], new: Term, operation: str) -> None:
    for k, term in enumerate(terms):
        if term.source.same(new.source):
            if term.selection.same(new.selection):
                terms[k] = Term(term.source, term.selection, term.coefficient + new.coefficient)
                return
        elif term.source.base.id != new.source.base.id and not term.source.relatives.isdisjoint(
            new.source.relatives
        ):
            warn_lost(
                operation,
                "the operands depend on the same errors through different sums, and a sum of more than "
                f"{REMEMBERED} elements or {TERMS} Datasets does not remember its summands",
            )
    terms.append(new)


def _is_one(coefficient: Array) -> bool:
    return coefficient.size == 1 and coefficient.item() == 1.0


def _product(coefficient: Floats, factor: Array | float) -> Floats:
    if _is_one(coefficient) and isinstance(factor, np.ndarray):
        return factor
    return np.asarray(coefficient * factor)
