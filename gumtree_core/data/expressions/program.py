"""From an expression to the program of a fused kernel: values, and variances by reverse differentiation.

``d result / d operand`` of all operands costs about as much as the result itself, however many there are. In
exact mode the derivatives by one source are added up before they are squared; independent errors are carried
along with each intermediate result instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gumtree_core.data.content import COUNTED, SHARED
from gumtree_core.data.expressions import opcodes as k

ADD, SUB, MUL, DIV, NEG, SQUARE, SQRT = range(7)
"""Operations of an expression."""
UNARY = frozenset((NEG, SQUARE, SQRT))

Node = tuple[int, int, int]
"""Operation and the places of its operands; a leaf has the operation -1 and the place of its kind."""
Wanted = int | float | tuple[int, int]
"""A number, or which of an operand's `Leaf.numbers`."""
Pick = Callable[[Sequence[int | float]], tuple[int | float, ...]]
Adjoint = tuple[float, int | None]
"""A derivative: a sign, and the block that holds it; None for 1."""


@dataclass(frozen=True)
class Derivative:
    """Of the result by a source."""

    uniform: bool = False
    """Whether it is the same for all elements."""
    passed: tuple[int, int] | None = None
    """Leaf and term that have it already, so that it need not be calculated."""
    sign: float = 1.0
    """Of what is passed."""


@dataclass
class Plan:
    """A program, and where its operands come from.

    `wanted` says for each place what stands there: a number (of a block of scratch memory, or a result's), or
    the place in `Leaf.numbers` of an address. `bases` and `constants` (None without any) pick what stands at
    all places, and the numbers in `constant_blocks`, from the numbers of all operands in a row, followed by
    `fixed`.
    """

    program: NDArray[np.int64]
    steps: NDArray[np.int64]
    wanted: tuple[Wanted, ...]
    fixed: tuple[int | float, ...]
    bases: Pick
    blocks: int
    constant_blocks: NDArray[np.int64]
    constants: Pick | None
    derivatives: tuple[Derivative, ...] = ()
    """What each derivative is."""


@dataclass
class _Builder:
    nodes: tuple[Node, ...]
    kinds: tuple[tuple[Any, ...], ...]
    program: list[tuple[int, int, int, int]] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    constants: dict[Wanted, int] = field(default_factory=dict)
    blocks: int = 0
    leaves: dict[int, Adjoint] = field(default_factory=dict)
    values_of: dict[int, int] = field(default_factory=dict)

    def place(self, what: Wanted, step: int = 8) -> int:
        """Where an array stands."""
        if what in self.wanted and step:
            return self.wanted.index(what)
        self.wanted.append(what)
        self.steps.append(step)
        return len(self.wanted) - 1

    def block(self) -> int:
        self.blocks += 1
        return self.place(self.blocks - 1, 0)

    def number(self, what: Wanted) -> int:
        """A block that holds a number throughout."""
        if what not in self.constants:
            self.constants[what] = self.block()
        return self.constants[what]

    def emit(self, operation: int, a: int, b: int | None = None, out: int | None = None) -> int:
        out = self.block() if out is None else out
        self.program.append((operation, out, a, a if b is None else b))
        return out

    def leaf(self, n: int) -> int:
        """Where the values of a leaf are, as float64."""
        self.values_of[n] = at = self._leaf(n)
        return at

    def _leaf(self, n: int) -> int:
        cast = self.kinds[n][0]
        if cast == -1:
            return self.number((n, 0))
        if cast == 0:
            return self.place((n, 0))
        size = 2 if cast <= 2 else 4 if cast <= 4 else 8
        operation = (k.CAST_I2, k.CAST_U2, k.CAST_I4, k.CAST_U4, k.CAST_I8, k.CAST_U8)[cast - 1]
        return self.emit(operation, self.place((n, 0), size))

    def variance(self, n: int, term: int) -> int:
        sort, _ = self.kinds[n][1 + term]
        if sort == COUNTED:
            return self.values_of[n]
        return (self.number if sort == SHARED else self.place)((n, 1 + 2 * term))

    def values(self, out: int) -> list[int]:
        """Emit the values of all nodes; the last goes to `out`."""
        at: list[int] = []
        last = len(self.nodes) - 1
        for position, (operation, left, right) in enumerate(self.nodes):
            target = out if position == last else None
            if operation == -1:
                at.append(self.leaf(left))
                continue
            a, b = at[left], at[right] if right >= 0 else None
            if operation == DIV and self.nodes[right][0] != -1:
                self.program.append((k.CHECK, at[right], at[right], at[right]))
            at.append(self.emit(_FORWARD[operation], a, b, target))
            if operation in (DIV, SQRT) or position == last:
                self.program.append((k.CHECK, at[-1], at[-1], at[-1]))
        return at

    def times(self, adjoint: Adjoint, factor: int, negative: bool = False) -> Adjoint:
        sign, place = adjoint
        sign = -sign if negative else sign
        return (sign, factor) if place is None else (sign, self.emit(k.MUL, place, factor))

    def added(self, adjoints: list[Adjoint]) -> Adjoint:
        """The sum of derivatives that come from several uses of one operand."""
        sign, place = adjoints[0]
        for other_sign, other in adjoints[1:]:
            one = self.number(1.0) if place is None else place
            two = self.number(1.0) if other is None else other
            place = self.emit(k.ADD if sign == other_sign else k.SUB, one, two)
        return sign, place

    def adjoints(self, at: list[int]) -> dict[int, Adjoint]:
        """Emit d result / d leaf; by leaf."""
        found: dict[int, list[Adjoint]] = {len(self.nodes) - 1: [(1.0, None)]}
        leaves: dict[int, Adjoint] = {}
        depends = self.depends()
        for position in range(len(self.nodes) - 1, -1, -1):
            if position not in found or not depends[position]:
                continue
            operation, left, right = self.nodes[position]
            adjoint = self.added(found[position])
            if operation == -1:
                leaves[left] = adjoint
                continue
            y = at[position]
            x = at[left]
            z = at[right] if right >= 0 else x
            parts: list[tuple[int, Adjoint]] = []
            if operation in (ADD, SUB):
                sign, place = adjoint
                parts = [(left, adjoint), (right, adjoint if operation == ADD else (-sign, place))]
            elif operation == MUL:
                parts = [
                    (side, self.times(adjoint, o)) for side, o in ((left, z), (right, x)) if depends[side]
                ]
            elif operation == DIV:
                by_left = self.times(adjoint, self.emit(k.INV, z))
                parts = [(left, by_left)]
                if depends[right]:
                    parts.append((right, self.times(by_left, y, negative=True)))
            elif operation == NEG:
                parts = [(left, (-adjoint[0], adjoint[1]))]
            elif operation == SQUARE:
                parts = [(left, self.times(adjoint, self.emit(k.ADD, x, x)))]
            elif operation == SQRT:
                parts = [(left, self.times(adjoint, self.slope_of_root(y)))]
            for side, part in parts:
                if depends[side]:
                    found.setdefault(side, []).append(part)
        return leaves

    def slope_of_root(self, root: int) -> int:
        """Emit the derivative of a square root; that at 0 is left to `arithmetic.slope`."""
        slope = self.emit(k.INV, self.emit(k.ADD, root, root))
        self.program.append((k.CHECK, slope, slope, slope))
        return slope

    def depends(self) -> list[bool]:
        """Of each node, whether it has errors."""
        result: list[bool] = []
        for operation, left, right in self.nodes:
            own = len(self.kinds[left]) > 1 if operation == -1 else result[left]
            result.append(own or (operation != -1 and right >= 0 and result[right]))
        return result

    def plan(self, derivatives: tuple[Derivative, ...] = ()) -> Plan:
        before = list(accumulate((2 * len(kind) - 1 for kind in self.kinds), initial=0))
        fixed: list[int | float] = []

        def at(what: Wanted) -> int:
            if isinstance(what, tuple):
                return before[what[0]] + what[1]
            fixed.append(what)
            return before[-1] + len(fixed) - 1

        return Plan(
            np.array(self.program, dtype=np.int64).reshape(-1, 4),
            np.array(self.steps, dtype=np.int64),
            tuple(self.wanted),
            bases=_pick([at(what) for what in self.wanted]),
            blocks=self.blocks,
            constant_blocks=np.array(
                [self.wanted[place] for place in self.constants.values()], dtype=np.int64
            ),
            constants=_pick([at(what) for what in self.constants]) if self.constants else None,
            fixed=tuple(fixed),
            derivatives=derivatives,
        )


def _pick(places: list[int]) -> Pick:
    """Give what stands at places of a sequence, as a tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda numbers: tuple(numbers[place] for place in places)


_FORWARD = {
    ADD: k.ADD, SUB: k.SUB, MUL: k.MUL, DIV: k.DIV, NEG: k.NEG, SQUARE: k.SQ, SQRT: k.SQRT,
}  # fmt: skip


def exact(
    nodes: tuple[Node, ...], kinds: tuple[tuple[Any, ...], ...], groups: tuple[tuple[int, int, int], ...]
) -> Plan:
    """Values and variances; `groups` says of each (leaf, term) which source it belongs to."""
    builder = _Builder(nodes, kinds)
    at = builder.values(builder.place(k.OUT))
    first = True
    for members in _by_group(groups).values():
        _, place = _derivative(builder, at, members)
        out = builder.place(k.OUT - 1)
        variance = builder.variance(*members[0])
        if place is None:
            builder.emit(k.COPY if first else k.ADD, variance if first else out, variance, out)
        else:
            builder.emit(k.SQMUL if first else k.SQADD, variance, place, out)
        first = False
    return builder.plan()


def derivatives(
    nodes: tuple[Node, ...],
    kinds: tuple[tuple[Any, ...], ...],
    groups: tuple[tuple[int, int, int], ...],
    with_values: bool,
) -> Plan:
    """The derivative by each source, in the order of the groups, and the values if they are wanted too."""
    builder = _Builder(nodes, kinds)
    at = builder.values(builder.place(k.OUT) if with_values else builder.block())
    found: list[Derivative] = []
    for number, members in enumerate(_by_group(groups).values()):
        passed = _passed(builder, at, members)
        if passed is not None:
            found.append(passed)
            continue
        sign, place = _derivative(builder, at, members)
        out = builder.place(k.DERIVATIVE - number)
        same = place is None or place in builder.constants.values()
        source = builder.number(1.0) if place is None else place
        builder.emit(k.COPY if sign > 0 else k.NEG, source, out=out)
        found.append(Derivative(uniform=same))
    return builder.plan(tuple(found))


def _passed(builder: _Builder, at: list[int], members: list[tuple[int, int]]) -> Derivative | None:
    """A derivative that is an operand's own, as that of a - b by what b is made of; None for others."""
    if len(members) > 1:
        return None
    ((n, term),) = members
    sign, place = _leaves(builder, at)[n]
    if place is not None or builder.kinds[n][1 + term][1] != 2:
        return None
    return Derivative(passed=(n, term), sign=sign)


def _by_group(groups: tuple[tuple[int, int, int], ...]) -> dict[int, list[tuple[int, int]]]:
    members: dict[int, list[tuple[int, int]]] = {}
    for n, term, group in groups:
        members.setdefault(group, []).append((n, term))
    return members


def _leaves(builder: _Builder, at: list[int]) -> dict[int, Adjoint]:
    builder.leaves = builder.leaves or builder.adjoints(at)
    return builder.leaves


def _derivative(builder: _Builder, at: list[int], members: list[tuple[int, int]]) -> Adjoint:
    """The derivative of the result by one source."""
    leaves = _leaves(builder, at)
    parts: list[Adjoint] = []
    for n, term in members:
        sort = builder.kinds[n][1 + term][1]
        adjoint = leaves[n]
        if sort == 1:
            adjoint = builder.times(adjoint, builder.number((n, 2 + 2 * term)))
        elif sort == 2:
            adjoint = builder.times(adjoint, builder.place((n, 2 + 2 * term)))
        parts.append(adjoint)
    return builder.added(parts)


def independent(nodes: tuple[Node, ...], kinds: tuple[tuple[Any, ...], ...]) -> Plan:
    """Values and variances, the operands of each operation taken as independent."""
    builder = _Builder(nodes, kinds)
    at = builder.values(builder.place(k.OUT))
    target = builder.place(k.OUT - 1)
    spread: list[int | None] = []
    for position, (operation, left, right) in enumerate(nodes):
        out = target if position == len(nodes) - 1 else None
        if operation == -1:
            spread.append(_leaf_variance(builder, left))
            continue
        v, w = spread[left], spread[right] if right >= 0 else None
        x, y = at[left], at[position]
        z = at[right] if right >= 0 else x
        if operation in (ADD, SUB):
            spread.append(_sum(builder, v, w, out))
        elif operation == MUL:
            spread.append(_square_sum(builder, [(v, z), (w, x)], out))
        elif operation == DIV:
            inverse = builder.emit(k.INV, z)
            parts = [(v, inverse)]
            if w is not None:
                parts.append((w, builder.emit(k.MUL, inverse, y)))
            spread.append(_square_sum(builder, parts, out))
        elif operation == NEG:
            spread.append(_sum(builder, v, None, out))
        else:
            derivative = builder.emit(k.ADD, x, x) if operation == SQUARE else builder.slope_of_root(y)
            spread.append(_square_sum(builder, [(v, derivative)], out))
    return builder.plan()


def _leaf_variance(builder: _Builder, n: int) -> int | None:
    terms = len(builder.kinds[n]) - 1
    parts: list[tuple[int | None, int | None]] = []
    for term in range(terms):
        sort = builder.kinds[n][1 + term][1]
        factor = None
        if sort:
            find = builder.number if sort == 1 else builder.place
            factor = find((n, 2 + 2 * term))
        parts.append((builder.variance(n, term), factor))
    if not parts:
        return None
    if len(parts) == 1 and parts[0][1] is None:
        return parts[0][0]
    return _square_sum(builder, parts, None)


def _sum(builder: _Builder, v: int | None, w: int | None, out: int | None) -> int | None:
    if v is not None and w is not None:
        return builder.emit(k.ADD, v, w, out)
    one = v if v is not None else w
    return one if one is None or out is None else builder.emit(k.COPY, one, out=out)


def _square_sum(builder: _Builder, parts: Any, out: int | None) -> int | None:
    present = [(variance, factor) for variance, factor in parts if variance is not None]
    place: int | None = None
    for variance, factor in present:
        factor = builder.number(1.0) if factor is None else factor
        if place is None:
            place = builder.emit(k.SQMUL, variance, factor, out)
        else:
            builder.emit(k.SQADD, variance, factor, place)
    return place
