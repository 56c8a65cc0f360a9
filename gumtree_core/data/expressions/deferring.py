"""Which operations are put off until their numbers are asked for, and what is known of the result before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gumtree_core.data import units
from gumtree_core.data.content import Content, Number, constant
from gumtree_core.data.expressions.fusion import (
    MOST_NODES,
    NOTHING,
    OPERATIONS,
    Pending,
    fusible,
)
from gumtree_core.data.expressions.program import (
    ADD,
    DIV,
    MUL,
    NEG,
    SQRT,
    SQUARE,
    SUB,
    UNARY,
)
from gumtree_core.data.past import History, Past
from gumtree_core.data.propagation.uncertainty import independent

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset

_SYMBOLS = {ADD: "+", SUB: "-", MUL: "*", DIV: "/"}
_NOTED = {SQUARE: "square", SQRT: "sqrt"}
_NUMBERS = frozenset((float, int, np.float64, np.int64))
SHORTEST = 64
"""Elements of an operand that begins again and again; where it is shorter, NumPy is as fast."""
_units: dict[tuple[int, str, str], str | None] = {}


def defer(function: np.ufunc, inputs: tuple[Any, ...]) -> Dataset | None:
    """Put off a function of NumPy; None if it must be done at once."""
    operation = OPERATIONS.get(function)
    if operation is None:
        return None
    if operation in UNARY:
        return unary(inputs[0], operation)
    return binary(inputs[0], inputs[1], operation)


def unary(ds: Dataset, operation: int) -> Dataset | None:
    """Put off a function of one Dataset; None if it must be done at once."""
    content = _known(ds.content)
    unit = _unit(operation, ds.unit, "")
    if unit is None or not (content.pending or content.leaf):
        return None
    history = ds.past if operation == NEG else Past(ds.past, None, _NOTED[operation], ds.naming, None)
    return _made(ds, operation, content, NOTHING, unit, history, ds.declared_masks)


def binary(left: Any, right: Any, operation: int) -> Dataset | None:
    """Put off an operator; None if it must be done at once, or cannot be done."""
    a: Any
    b: Any
    if type(left) is type(right):
        a, b = _known(left.content), _known(right.content)
        if not ((a.pending or a.leaf) and (b.pending or b.leaf)):
            return None
        met = _meet(left, right)
        if met is None:
            return None
        lead, masks = met
        unit = _unit(operation, left.unit, right.unit)
        past: History = Past(left.past, right.past, _SYMBOLS[operation], left.naming, right.naming)
    elif type(right) in _NUMBERS:
        a, b = _known(left.content), _number(right)
        if b is None or not (a.pending or a.leaf):
            return None
        lead, masks, unit = left, left.declared_masks, _unit(operation, left.unit, "")
        past = Past(left.past, None, _SYMBOLS[operation], left.naming, b.value)
    elif type(left) in _NUMBERS:
        a, b = _number(left), _known(right.content)
        if a is None or not (b.pending or b.leaf):
            return None
        lead, masks, unit = right, right.declared_masks, _unit(operation, "", right.unit)
        past = Past(right.past, None, _SYMBOLS[operation], a.value, right.naming)
    else:
        return None
    return None if unit is None else _made(lead, operation, a, b, unit, past, masks)


def _made(
    lead: Dataset, operation: int, a: Any, b: Any, unit: str, history: History, masks: dict[str, Any]
) -> Dataset | None:
    nodes = 1 + a.nodes + b.nodes
    if nodes > MOST_NODES:
        if a.undefined is not None or b.undefined is not None:
            return None  # arrays alone do not say which of their elements are masked
        a, b = _settled(a), _settled(b)
        nodes = 1
        if any(type(each) is Content and each.leaf is None for each in (a, b)):
            return None
    content = Pending(operation, a, b, lead.content.shape, not independent(), nodes, history)
    if content.complex and not fusible(content):
        return None
    return lead.with_content(content, unit, history, masks)


def _known(content: Any) -> Any:
    """As arrays, where all its numbers are there, so that they are not made again."""
    return content.settled() if content.pending and content.ready else content


def _settled(operand: Any) -> Any:
    return operand.settled() if operand.pending else operand


def _number(value: Any) -> Number | None:
    try:
        return constant(float(value))
    except OverflowError:  # an integer beyond float64
        return None


def _unit(operation: int, left: str, right: str) -> str | None:
    """The result's unit; None where units must be converted or do not agree."""
    key = operation, left, right
    if key not in _units:
        if units.has_own_zero(left) or units.has_own_zero(right):
            made = None
        elif operation in (ADD, SUB):
            made = left if left == right else None
        elif operation == MUL:
            made = units.multiply(left, right)
        elif operation == DIV:
            made = units.divide(left, right)
        elif operation in (SQRT, SQUARE):
            made = units.power(left, 0.5 if operation == SQRT else 2.0)
        else:
            made = left
        _units[key] = made
    return _units[key]


def _meet(left: Dataset, right: Dataset) -> tuple[Dataset, dict[str, Any]] | None:
    """The Dataset that leads, and the masks of both; None where dimensions or axes have to be looked at."""
    if left.dims == right.dims and left.content.shape == right.content.shape:
        if not _same_axes(left.raw_axes, right.raw_axes):
            return None
        masks, others = left.declared_masks, right.declared_masks
        return left, _joined(masks, others) if others and others is not masks else masks
    lead, other = (right, left) if right.ndim > left.ndim else (left, right)
    if other.ndim == lead.ndim or not _begins_again(other, lead):
        return None
    known = lead.raw_axes
    for name, axis in other.raw_axes.items():
        if name not in known or not axis.same(known[name]):
            return None
    masks = lead.declared_masks
    if other.declared_masks:
        before = (np.newaxis,) * (lead.ndim - other.ndim)
        masks = _joined(masks, {name: mask[before] for name, mask in other.declared_masks.items()})
    return lead, masks


def _begins_again(other: Dataset, lead: Dataset) -> bool:
    """Whether one Dataset repeats along the first dimensions of the other, in pieces that are worth it."""
    if other.size == 1:
        return not other.dims
    last = lead.ndim - other.ndim
    return other.dims == lead.dims[last:] and other.shape == lead.shape[last:] and other.size >= SHORTEST


def _same_axes(left: dict[str, Any], right: dict[str, Any]) -> bool:
    if left is right:
        return True
    if len(left) != len(right):
        return False
    for name, axis in left.items():  # twice as fast as all()
        other = right.get(name)
        if other is None or not axis.same(other):
            return False
    return True


def _joined(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    masks = dict(left)
    for name, mask in right.items():
        known = masks.get(name)
        masks[name] = mask if known is None or known is mask else known | mask
    return masks
