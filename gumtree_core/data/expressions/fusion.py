"""Expressions over whole arrays are put off until their numbers are asked for, and then done in one pass.

`a - b` only notes what is to be done; units, dimensions and axes have been checked. When values or variances
are asked for, the whole expression is run by one kernel (`program`, `kernels`), and so are its derivatives by
each source when the errors are needed one by one. Where a number came out that is none (x / 0), the steps are
done again one after the other, so that the element is masked as `arithmetic` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, combinations
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.axis import read_only
from gumtree_core.data.content import Content, Leaf, Number
from gumtree_core.data.expressions import buffers, program
from gumtree_core.data.expressions.execution import NONE, execute
from gumtree_core.data.expressions.opcodes import BLOCK
from gumtree_core.data.expressions.program import (
    ADD,
    DIV,
    MUL,
    NEG,
    SQRT,
    SQUARE,
    SUB,
    Plan,
)
from gumtree_core.data.propagation.selection import Array, Shape, rearrange
from gumtree_core.data.propagation.uncertainty import (
    Floats,
    Term,
    Uncertainty,
    combine,
    errors,
)

MOST_NODES = 24
"""Operations of an expression; one that would be longer is done in parts."""

UFUNCS: dict[int, np.ufunc] = {
    ADD: np.add, SUB: np.subtract, MUL: np.multiply, DIV: np.divide, NEG: np.negative, SQUARE: np.square,
    SQRT: np.sqrt,
}  # fmt: skip
OPERATIONS = {function: operation for operation, function in UFUNCS.items()}

MOST_PLANS = 1000

_plans: dict[Any, Plan] = {}
_LATER: Any = np.empty(0)
"""In place of variances that nobody has asked for yet, where their terms are known."""


class _Nothing:
    """In place of an operand that an operation does not have."""

    pending, nodes, complex, exact, undefined, leaves, tree = False, 0, False, None, None, (), ()


NOTHING = _Nothing()


class Pending:
    """What an operation will give; `left` and `right` are contents, a `Number`, or `NOTHING`."""

    __slots__ = (
        "_done", "_settled", "_uncertainty", "_undefined", "_values", "_variances", "complex", "exact",
        "label", "leaves", "left", "nodes", "operation", "right", "shape", "tree",
    )  # fmt: skip
    pending: ClassVar[bool] = True
    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.float64)

    complex: bool
    """Whether sources of error may be related."""
    leaves: tuple[Leaf, ...]
    _values: Array
    _variances: Floats | None
    tree: Any
    """The operations as nested tuples; None where something else decides, too, what the program is."""

    def __init__(
        self, operation: int, left: Any, right: Any, shape: Shape, exact: bool, nodes: int, label: Any
    ) -> None:
        self.operation = operation
        self.left = left
        self.right = right
        self.shape = shape
        self.exact = exact
        self.nodes = nodes
        self.label = label
        self._done = False
        self._settled: Content | None = None
        self._uncertainty: Uncertainty | None = None
        self.leaves = left.leaves + right.leaves
        one, other = left.tree, right.tree
        self.complex = left.complex or right.complex
        if (
            self.complex
            or one is None
            or other is None
            or (left.exact is not None and left.exact is not exact)
            or (right.exact is not None and right.exact is not exact)
        ):
            self.tree = None
        else:
            self.tree = operation, one, other

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def values(self) -> Array:
        """The numbers."""
        if not self._done:
            self._evaluate()
        return self._values

    @property
    def variances(self) -> Floats | None:
        """Squared standard deviations; None for exact numbers."""
        if not self._done:
            self._evaluate()
        if self._variances is _LATER:
            self._variances = read_only(self.uncertainty.variances(self.shape))
        return self._variances

    @property
    def undefined(self) -> NDArray[np.bool_] | None:
        """Where there is no number; None where there is one everywhere."""
        if not self._done:
            self._evaluate()
        return self._undefined

    @property
    def uncertainty(self) -> Uncertainty:
        """The sources of error and the derivative of each element by them."""
        if self._uncertainty is None:
            if not self.exact:
                variances = self.variances
                self._uncertainty = Uncertainty() if variances is None else Uncertainty.of(variances)
            else:
                self._uncertainty = self._terms() if not self._done or self._undefined is None else None
                if self._uncertainty is None:
                    self._step_by_step()
        assert self._uncertainty is not None
        return self._uncertainty

    @property
    def ready(self) -> bool:
        """Whether its numbers and errors are there and can be used as one array each."""
        return (
            self._done
            and self._undefined is None
            and self._uncertainty is not None
            and self.settled().leaf is not None
        )

    @property
    def leaf(self) -> Leaf | None:
        """As an operand of a further expression."""
        return self.settled().leaf

    def settled(self) -> Content:
        """The same, as arrays, without what it was made of."""
        if self._settled is None:
            values, uncertainty = self.values, self.uncertainty
            variances = None if self._variances is _LATER else self._variances
            self._settled = Content(values, uncertainty, variances)
        return self._settled

    def _evaluate(self) -> None:
        results = _run(self)
        if results is None:
            self._step_by_step()
            return
        self._values, self._variances = results
        self._undefined: NDArray[np.bool_] | None = None
        self._done = True

    def _terms(self) -> Uncertainty | None:
        """The derivatives by all sources, and the values on the way; None where it is done step by step."""
        values = NONE if self._done else buffers.empty(self.size)
        found = _terms(self, values)
        if found and not self._done:
            values.setflags(write=False)
            self._values = values.reshape(self.shape)
            self._variances, self._undefined = _LATER, None
            self._done = True
        return found

    def _step_by_step(self) -> None:
        from gumtree_core.data.mathematics import arithmetic  # which makes Pendings

        operands = [each for each in (self.left, self.right) if each is not NOTHING]
        arrays: list[Array] = []
        parts: list[Uncertainty] = []
        undefined: NDArray[np.bool_] | None = None
        for each in operands:
            if isinstance(each, Number):
                arrays.append(np.asarray(each.value).reshape((1,) * len(self.shape)))
                parts.append(Uncertainty())
                continue
            places = _spread(len(each.shape), len(self.shape))
            arrays.append(rearrange(each.values, places))
            parts.append(each.uncertainty.rearranged(places))
            if each.undefined is not None:
                own = rearrange(each.undefined, places)
                undefined = own if undefined is None else undefined | own
        with errors("exact" if self.exact else "independent"), np.errstate(all="ignore"):
            result, new, derivatives = arithmetic.step(UFUNCS[self.operation], arrays)
            slopes = [
                arithmetic.slope(derivative, part, result)
                for derivative, part in zip(derivatives, parts, strict=True)
            ]
            self._uncertainty = combine(list(zip(parts, slopes, strict=True)), self.shape, str(self.label))
            variances = self._uncertainty.variances(self.shape) if self._uncertainty else None
        if new is not None:
            undefined = new if undefined is None else undefined | new
        self._values = read_only(result)
        self._variances = None if variances is None else read_only(variances)
        self._undefined = undefined
        self._done = True


def _spread(own: int, whole: int) -> list[int | None]:
    """Where the dimensions of an operand are among those of the result, whose last ones it has."""
    return [None] * (whole - own) + list(range(own))


def fusible(content: Pending) -> bool:
    """Whether one program can do it: where sources are related by sums, that has to be found out."""
    try:
        _Expression(content)
    except _NotFused:
        return False
    return True


class _NotFused(Exception):
    """An expression that has to be done step by step."""


class _Expression:
    """An expression laid out: operations in order, operands, and which of their terms share a source."""

    def __init__(self, root: Pending, whole: bool = False) -> None:
        self._whole = whole  # down to the arrays, as the tree is
        self.nodes: list[tuple[int, int, int]] = []
        self.leaves: list[Leaf] = []
        self.keep: list[Any] = []
        self._at: dict[int, int] = {}
        self._root = root
        self._visit(root)
        self.groups: list[tuple[int, int, int]] = []
        self.sources: list[Any] = []
        if root.exact:
            self._group()

    def _visit(self, content: Any) -> int:
        at = self._at.get(id(content))
        if at is not None:
            return at
        if type(content) is Number:
            made = (-1, self._leaf(content.leaves[0], content), -1)
        elif content is self._root or (
            content.pending
            and content.exact == self._root.exact
            and (self._whole or content._uncertainty is None or content.leaf is None)
        ):
            left = self._visit(content.left)
            right = -1 if content.right is NOTHING else self._visit(content.right)
            made = (content.operation, left, right)
        else:
            settled = content.settled() if content.pending else content
            made = (-1, self._leaf(settled.leaf, settled), -1)
        self.nodes.append(made)
        self._at[id(content)] = at = len(self.nodes) - 1
        return at

    def _leaf(self, leaf: Leaf | None, content: Any) -> int:
        if leaf is None:
            raise _NotFused
        self.leaves.append(leaf)
        self.keep.append(content)
        return len(self.leaves) - 1

    def _group(self) -> None:
        known: dict[tuple[str, int, int], int] = {}
        identities = set()
        for n, leaf in enumerate(self.leaves):
            for number, term in enumerate(leaf.terms):
                group = known.setdefault(term.key, len(known))
                if group == len(self.sources):
                    self.sources.append(term)
                    identities.add(term.key[0])
                elif self.sources[group].source is not term.source:
                    self.sources[group].source.same(term.source)
                self.groups.append((n, number, group))
        sources = [term.source for term in self.sources]
        if len(identities) < len(sources):
            raise _NotFused  # parts of a source meet other parts of it
        if not all(leaf.plain for leaf in self.leaves) and any(
            not one.relatives.isdisjoint(other.relatives) for one, other in combinations(sources, 2)
        ):
            raise _NotFused

    def key(self, sort: str) -> Any:
        return sort, tuple(self.nodes), tuple([leaf.kind for leaf in self.leaves]), tuple(self.groups)

    def plan(self, sort: str, make: Callable[[], Plan]) -> Plan:
        key = self.key(sort)
        plan = _plans.get(key)
        if plan is None:
            plan = make()
            _remember(key, plan)
        return plan

    @property
    def kinds(self) -> tuple[tuple[Any, ...], ...]:
        return tuple(leaf.kind for leaf in self.leaves)


def _run(root: Pending) -> tuple[Array, Floats | None] | None:
    """Values and variances; None if that must be done step by step."""
    found = _simple(root)
    if found is None:
        try:
            expression = _Expression(root)
        except _NotFused:
            return None
        nodes = tuple(expression.nodes)
        if root.exact:
            plan = expression.plan(
                "exact", lambda: program.exact(nodes, expression.kinds, tuple(expression.groups))
            )
        else:
            plan = expression.plan("independent", lambda: program.independent(nodes, expression.kinds))
        found = expression.leaves, plan, any(len(leaf.kind) > 1 for leaf in expression.leaves)
    leaves, plan, spread = found
    size = root.size
    values = buffers.empty(size)
    variances = buffers.empty(size) if spread else NONE
    if not execute(plan, leaves, values, variances, size):
        return None
    values.setflags(write=False)
    variances.setflags(write=False)
    if len(root.shape) != 1:
        values = values.reshape(root.shape)
        variances = variances.reshape(root.shape) if spread else NONE
    return values, variances if spread else None


def _simple(root: Pending) -> tuple[Sequence[Leaf], Plan, bool] | None:
    """The plan of an expression in which nothing occurs twice, known by its tree; None for others."""
    if root.tree is None:
        return None
    leaves = root.leaves
    identities: list[str] = []
    for leaf in leaves:
        identities += leaf.identities
    if root.exact and len(set(identities)) < len(identities):
        return None
    key = root.exact, root.tree
    plan = _plans.get(key)
    if plan is None:
        expression = _Expression(root, whole=True)
        nodes, kinds = tuple(expression.nodes), expression.kinds
        if len(expression.leaves) != len(leaves):  # an operand without errors occurs twice
            return None
        if root.exact:
            plan = program.exact(nodes, kinds, tuple(expression.groups))
        else:
            plan = program.independent(nodes, kinds)
        _remember(key, plan)
    return leaves, plan, bool(identities)


def _terms(root: Pending, values: Floats) -> Uncertainty | None:
    """The derivatives by all sources, and unless it is empty `values`; None where that cannot be done."""
    try:
        expression = _Expression(root)
    except _NotFused:
        return None
    if not expression.sources:
        return Uncertainty() if root.undefined is None else None
    nodes = tuple(expression.nodes)
    too = values is not NONE
    plan = expression.plan(
        "both" if too else "derivatives",
        lambda: program.derivatives(nodes, expression.kinds, tuple(expression.groups), too),
    )
    ndim, size = len(root.shape), root.size
    lengths = [BLOCK if each.uniform else 0 if each.passed else size for each in plan.derivatives]
    memory = buffers.empty(sum(lengths))  # of one piece: to get many costs as much as to fill small ones
    starts = list(accumulate(lengths, initial=0))
    address = memory.ctypes.data
    if not execute(plan, expression.leaves, values, NONE, size, [address + 8 * start for start in starts]):
        return None
    terms = []
    for found, start, each in zip(expression.sources, starts, plan.derivatives, strict=False):
        if each.passed:
            leaf, number = each.passed
            term = expression.keep[leaf].term(number, each.sign)
        else:
            out = memory[start : start + 1] if each.uniform else memory[start : start + size]
            out = out.reshape((1,) * ndim if each.uniform else root.shape)
            term = Term(found.source, found.selection, out)
        terms.append(_in_dimensions(term, ndim))
    return Uncertainty(tuple(terms))


def _in_dimensions(term: Term, ndim: int) -> Term:
    """With dimensions in front that an operand did not have."""
    own, coefficient = term.selection, term.coefficient
    if len(own.strides) == coefficient.ndim == ndim:
        return term
    selection = own.rearranged(_spread(len(own.strides), ndim))
    return Term(term.source, selection, rearrange(coefficient, _spread(coefficient.ndim, ndim)))


def _remember(key: Any, plan: Plan) -> None:
    if len(_plans) > MOST_PLANS:
        _plans.clear()
    _plans[key] = plan
