"""Elements taken from one Dataset or another, and whether they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gumtree_core.data import units
from gumtree_core.data.axis import check_unmasked
from gumtree_core.data.checks import is_dataset
from gumtree_core.data.mathematics.neighbours import spread
from gumtree_core.data.propagation.restricting import restricted
from gumtree_core.data.propagation.selection import Array
from gumtree_core.data.propagation.uncertainty import Uncertainty, combine
from gumtree_core.errors import GumtreeError

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset


def _skeleton(operand: Any) -> Any:
    """Give what decides on dimensions, axes and unit, without values, errors and masks to compute with."""
    if not is_dataset(operand):
        return np.zeros(np.shape(operand))
    return operand.derive(values=np.zeros(operand.shape), uncertainty=Uncertainty(), masks={})


def _frame(one: Any, other: Any, condition: Any = 0.0) -> Dataset:
    """Give what all together have of dimensions and axes, and the unit of the first two."""
    a, b, c = _skeleton(one), _skeleton(other), _skeleton(condition)
    unit = getattr(a, "unit", "")
    if unit == getattr(b, "unit", ""):
        a, b = _bare(a), _bare(b)
        return ((a + b) + c).derive(unit=unit)  # type: ignore[no-any-return]
    both = a + b  # which converts one, or refuses
    return (_bare(both) + c).derive(unit=both.unit)  # type: ignore[no-any-return]


def _bare(operand: Any) -> Any:
    return operand.derive(unit="") if is_dataset(operand) else operand


def _placed(operand: Any, frame: Dataset) -> Array:
    if is_dataset(operand):
        return spread(operand.values, operand.dims, frame)
    check_unmasked(operand, "BAD_OPERAND", "The elements to choose from")
    array = np.asarray(operand)
    return array.reshape((1,) * (frame.ndim - array.ndim) + array.shape)


def where(condition: Any, one: Any, other: Any) -> Dataset:
    """Take elements of `one` where the condition is true, else of `other`, in the unit of `one`.

    Errors and masks are those of the element taken; where the condition is masked, the result is too.

    Parameters
    ----------
    condition, one, other
        Datasets, numbers and arrays, the condition boolean; dimensions meet by their names.

    Raises
    ------
    GumtreeError
        BAD_OPERAND where the condition is not boolean; UNIT_MISMATCH, DIMENSION_MISMATCH, AXIS_MISMATCH.
    """
    flags = np.asarray(condition.values if is_dataset(condition) else condition)
    if flags.dtype != np.bool_:
        raise GumtreeError("BAD_OPERAND", f"numpy.where takes a condition such as a > 1, not {flags.dtype}.")
    frame = _frame(one, other, condition)
    lead = one if is_dataset(one) else other if is_dataset(other) else condition
    choice = np.broadcast_to(_placed(condition, frame), frame.shape)
    parts, values = [], []
    masks: dict[str, Any] = {}
    for operand, chosen in ((one, choice), (other, ~choice)):
        factor = _factor(operand, frame.unit)
        placed = _placed(operand, frame)
        values.append(placed if factor == 1.0 else placed * factor)
        if not is_dataset(operand):
            continue
        order = [operand.dims.index(name) if name in operand.dims else None for name in frame.dims]
        uncertainty = operand.uncertainty.rearranged(order)
        parts.append((restricted(uncertainty, chosen, frame.shape), factor))
        for name, mask in operand.raw_masks.items():
            own = spread(mask, operand.dims, frame) & chosen
            masks[name] = own | masks[name] if name in masks else own
    if is_dataset(condition):
        for name, mask in condition.raw_masks.items():
            own = spread(mask, condition.dims, frame)
            masks[name] = own | masks[name] if name in masks else own
    entry = "where"
    return frame.derive(
        values=np.where(choice, *values),
        uncertainty=combine(parts, frame.shape, entry),
        masks=masks,
        title=lead.title,
        metadata=dict(lead.metadata),
        history=(*lead.history, entry),
    )


def _factor(operand: Any, unit: str) -> float:
    found = units.conversion(operand.unit, unit) if is_dataset(operand) else (1.0, 0.0)
    return 1.0 if found is None else found[0]


def clip(ds: Dataset, low: Any = None, high: Any = None) -> Dataset:
    """Limit the values; an element beyond a limit becomes the limit, with its error.

    Parameters
    ----------
    low, high
        Numbers, arrays or Datasets; None for no limit.

    Raises
    ------
    GumtreeError
        UNIT_MISMATCH, DIMENSION_MISMATCH, AXIS_MISMATCH.
    """
    result: Any = ds
    if low is not None:
        result = np.maximum(result, low)
    if high is not None:
        result = np.minimum(result, high)
    return result  # type: ignore[no-any-return]


def isclose(one: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Dataset:
    """Compare values element by element, as `numpy.isclose` does; `atol` is in the first one's unit.

    Raises
    ------
    GumtreeError
        UNIT_MISMATCH, DIMENSION_MISMATCH, AXIS_MISMATCH.
    """
    frame = _frame(one, other)
    a, b = _placed(one, frame), _placed(other, frame)
    a, b = a * _factor(one, frame.unit), b * _factor(other, frame.unit)
    masks: Any = (one == other).raw_masks
    close = np.broadcast_to(np.isclose(a, b, rtol, atol, equal_nan), frame.shape)
    return frame.derive(values=close, unit="", masks=masks)


def allclose(one: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all values that are not masked agree."""
    return isclose(one, other, rtol, atol, equal_nan).all()


def array_equal(one: Any, other: Any) -> bool:
    """Whether both have the same shape, dimensions, values and a unit in common; masks do not count."""
    names = [operand.dims for operand in (one, other) if is_dataset(operand)]
    if np.shape(_values(one)) != np.shape(_values(other)) or len(set(names)) > 1:
        return False
    if len(names) < 2:
        return bool(np.array_equal(_values(one), _values(other)))
    found = units.conversion(other.unit, one.unit)
    return found is not None and bool(np.array_equal(one.values, other.values * found[0] + found[1]))


def _values(operand: Any) -> Any:
    return operand.values if is_dataset(operand) else operand
