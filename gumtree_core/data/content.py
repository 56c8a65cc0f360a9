"""The numbers of a Dataset: values with their errors, as arrays or as what an expression will give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.axis import read_only
from gumtree_core.data.propagation.selection import Array, Selection, Shape
from gumtree_core.data.propagation.uncertainty import CountSource, Floats, Source, Term, Uncertainty

MOST_TERMS = 64
"""Terms of an operand up to which an expression is fused."""
_CASTS = {
    np.dtype(name): cast
    for cast, name in enumerate(("float64", "int16", "uint16", "int32", "uint32", "int64", "uint64"))
}
OWN, SHARED, COUNTED = range(3)
"""Whether each element has a variance of its own, all share one, or each is its own, as with counts."""


@dataclass(frozen=True, eq=False)
class LeafTerm:
    """One source behind an operand; an address, or a number where the same stands behind all elements."""

    source: Source
    selection: Selection
    sort: int
    variance: int | float
    scaled: bool
    coefficient: int | float
    size: int
    """Elements of the source that stand behind the operand; 0 where it is one."""

    @cached_property
    def key(self) -> tuple[str, int, int]:
        """The same for terms that have an error in common, element by element."""
        return self.source.id, self.selection.offset, self.size

    @property
    def plain(self) -> bool:
        """Whether no other source can be related with this one."""
        return self.source.recipe is None and not self.source.ancestors


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """An operand of a fused expression, as the kernel sees it.

    `kind` is the same for all operands that need the same program: type of the values (-1: a number) and, for
    each term, of which sort its variance is, and whether its coefficient is 1, a number or an array.
    """

    kind: tuple[Any, ...]
    size: int
    terms: tuple[LeafTerm, ...] = ()
    plain: bool = True
    """Whether all its sources are plain."""
    numbers: tuple[int | float, ...] = ()
    """Value, then variance and coefficient of each term."""
    identities: tuple[str, ...] = ()
    """Of its sources; those of sources that are not plain may be empty."""


class Content:
    """Values and their errors, as arrays."""

    __slots__ = (
        "_leaf", "_negated", "_variances", "complex", "dtype", "leaves", "shape", "tree", "uncertainty",
        "values",
    )  # fmt: skip

    pending: ClassVar[bool] = False
    nodes: ClassVar[int] = 0
    exact: ClassVar[bool | None] = None
    """Which mode of errors an expression was written in; arrays are of none."""
    undefined: ClassVar[NDArray[np.bool_] | None] = None

    def __init__(self, values: Array, uncertainty: Uncertainty, variances: Floats | None = None) -> None:
        self.values = values
        self.shape: Shape = values.shape
        self.dtype: np.dtype[Any] = values.dtype
        self.uncertainty = uncertainty
        self._variances = variances
        self._leaf: Leaf | bool | None = None
        self._negated: dict[int, Term] = {}

    @property
    def variances(self) -> Floats | None:
        """Squared standard deviations in the shape of the values; None for exact numbers."""
        if self._variances is None and self.uncertainty:
            self._variances = read_only(self.uncertainty.variances(self.values.shape))
        return self._variances

    def term(self, number: int, sign: float) -> Term:
        """A term, or its negative; the same object each time, so that others may remember what it gave."""
        found = self.uncertainty.terms[number]
        if sign > 0:
            return found
        if number not in self._negated:
            self._negated[number] = Term(found.source, found.selection, read_only(-found.coefficient))
        return self._negated[number]

    @property
    def leaf(self) -> Leaf | None:
        """What a fused expression needs to know; None for what is not laid out in one piece."""
        if self._leaf is None:
            leaf = _leaf(self.values, self.uncertainty)
            if leaf is not None:  # as in `Pending`
                self.tree, self.leaves, self.complex = leaf.kind, (leaf,), not leaf.plain
            self._leaf = leaf or False
        return self._leaf or None  # type: ignore[return-value]


class Number:
    """An exact number as an operand."""

    __slots__ = ("leaves", "value")
    pending, nodes, complex, exact, undefined, tree = False, 0, False, None, None, (-1,)

    def __init__(self, value: float) -> None:
        self.value = value
        self.leaves = (Leaf((-1,), 1, numbers=(value,)),)


def constant(value: float) -> Number:
    """Make an operand of an exact number."""
    return _number(value) if value else Number(value)  # 0.0 and -0.0 are one key


@lru_cache(maxsize=1024)
def _number(value: float) -> Number:
    return Number(value)


def _leaf(values: Array, uncertainty: Uncertainty) -> Leaf | None:
    number = values.size == 1
    cast = _CASTS.get(values.dtype)
    if cast is None or not (values.size and values.flags.c_contiguous):
        return None
    if len(uncertainty.terms) > MOST_TERMS:
        return None
    whole = Selection.whole(values.shape).strides
    terms = []
    for term in uncertainty.terms:
        source, selection, coefficient = term.source, term.selection, term.coefficient
        if selection.table is not None:
            return None
        shared = selection.is_constant
        scaled = coefficient.size != 1
        if not shared and (selection.strides != whole or number):
            return None
        if scaled and (coefficient.shape != values.shape or not coefficient.flags.c_contiguous):
            return None
        variance: int | float = 0
        if shared:
            sort, variance = SHARED, float(source.variances[selection.offset])
        elif type(source) is CountSource and source.are(values):
            sort = COUNTED
        else:
            sort, variance = OWN, source.variances.ctypes.data + 8 * selection.offset
        terms.append(
            LeafTerm(
                source,
                selection,
                sort,
                variance,
                scaled,
                coefficient.ctypes.data if scaled else float(coefficient.item()),
                0 if shared else values.size,
            )
        )
    # Whether a coefficient is 1 is worth a program of its own.
    kinds = ((term.sort, 2 if term.scaled else int(term.coefficient != 1.0)) for term in terms)
    value = float(values.item()) if number else values.ctypes.data
    plain = all(term.plain for term in terms)
    numbers = (value, *(number for term in terms for number in (term.variance, term.coefficient)))
    identities = tuple(term.source.identity for term in terms)
    return Leaf((-1 if number else cast, *kinds), values.size, tuple(terms), plain, numbers, identities)
